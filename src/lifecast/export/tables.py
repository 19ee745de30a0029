"""A table into a file, as its ending says."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lifecast.export.files import check_target, written_beside
from lifecast.export.workbook import write_workbook

if TYPE_CHECKING:
    import pandas as pd

TABLE_ENDINGS = (".parquet", ".csv", ".xlsx")


def write_table(table: "pd.DataFrame", path: str | os.PathLike[str]) -> None:
    """Write a table to a Parquet, CSV or Excel file, as the path's ending says; its index is left out.

    Parameters
    ----------
    table : DataFrame
    path : path
        Ends in ".parquet", ".csv" or ".xlsx". A file that is there is replaced, once the new one is whole.

    Raises
    ------
    SettingsError
        Where the path has another ending, or its folder does not exist; for Excel, as `write_workbook` says.

    Examples
    --------
    >>> import tempfile, pandas as pd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(pd.DataFrame({"customer_id": [7], "cltv": [12.5]}), f"{folder}/customers.csv")
    ...     print(Path(folder, "customers.csv").read_text())
    customer_id,cltv
    7,12.5
    """
    check_target(path, TABLE_ENDINGS)
    if Path(path).suffix.lower() == ".xlsx":
        write_workbook({Path(path).stem: table.reset_index(drop=True)}, path)
        return
    with written_beside(path) as beside:
        if beside.suffix.lower() == ".csv":
            table.to_csv(beside, index=False)
        else:
            table.to_parquet(beside, index=False)
