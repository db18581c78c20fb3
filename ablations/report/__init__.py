"""Reports of a study: sentences, tables, figures, one page. They format and never compute."""

from ablations.report.study.contents import ReportContents, ReportError
from ablations.report.write import write_figures, write_report

__all__ = ["ReportContents", "ReportError", "write_figures", "write_report"]
