"""Tables out of lifecast: into files, an Excel workbook, a database; whole or not at all."""

from lifecast.export.database import check_database, is_database, shown, write_database
from lifecast.export.files import check_not_read, check_target, written_beside
from lifecast.export.tables import TABLE_ENDINGS, write_table
from lifecast.export.workbook import write_workbook

__all__ = [
    "TABLE_ENDINGS",
    "check_database",
    "check_not_read",
    "check_target",
    "is_database",
    "shown",
    "write_database",
    "write_table",
    "write_workbook",
    "written_beside",
]
