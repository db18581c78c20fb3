"""Reports of studies and searches. They format results and compute nothing."""

from ablations.report.page import ReportError
from ablations.report.study.contents import ReportContents
from ablations.report.write import write_figures, write_report

__all__ = ["ReportContents", "ReportError", "write_figures", "write_report"]
