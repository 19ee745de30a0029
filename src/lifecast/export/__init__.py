"""Tables out of lifecast: into files, an Excel workbook, a database; whole or not at all."""

from lifecast.export.files import check_target, written_beside
from lifecast.export.tables import TABLE_ENDINGS, write_table
from lifecast.export.workbook import write_workbook

__all__ = ["TABLE_ENDINGS", "check_target", "write_table", "write_workbook", "written_beside"]
