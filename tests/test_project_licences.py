"""Is everything that lifecast needs under a licence that lets it be used, changed and sold?"""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

FREE = re.compile(
    r"apache|bsd|mit\b|mit license|python software foundation|psf|isc|mpl|mozilla public|hpnd|zlib|unlicense|"
    r"historical permission|cc0|public domain|boost|0bsd",
    re.IGNORECASE,
)
# Their metadata name no licence that can be told from others; looked up by hand.
KNOWN = {
    "minikanren": "BSD-3-Clause",
}
# Weak copyleft (LGPL): to be used as a library, unchanged, asks nothing of us. PyTensor needs cons.
LIBRARIES = {"cons"}


def licence(found: Distribution) -> str:
    told = found.metadata
    classifiers = [line for line in told.get_all("Classifier") or [] if line.startswith("License")]
    words = [told.get("License-Expression"), *classifiers, (told.get("License") or "")[:300]]
    return " ".join(word for word in words if word)


def needed(name: str, seen: dict[str, Distribution]) -> None:
    """Everything that a package needs without extras, and that needs."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in seen:
        return
    try:
        seen[key] = distribution(name)
    except PackageNotFoundError:  # for another platform or Python
        return
    for text in seen[key].requires or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            needed(requirement.name, seen)


def test_are_all_licences_free() -> None:
    seen: dict[str, Distribution] = {}
    needed("lifecast", seen)
    assert len(seen) > 30
    wrong = {
        name: licence(found)[:80]
        for name, found in seen.items()
        if name not in KNOWN and name not in LIBRARIES and not FREE.search(licence(found))
    }
    assert not wrong
    strict = {
        name: licence(found)[:80]
        for name, found in seen.items()
        if re.search(r"\bA?GPL", licence(found)) and not re.search(r"LGPL|exception", licence(found), re.I)
    }
    assert not strict
