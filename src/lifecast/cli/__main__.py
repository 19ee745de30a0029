"""python -m lifecast.cli."""

from lifecast.cli import main

if __name__ == "__main__":
    main()
