from cnnzoo.levels import Settings as Settings

from .results import Results as Results
from .results import open_results as open_results
from .running.run import plan as plan
from .running.run import run as run
from .search.from_search import from_search as from_search
from .search.report import search_figures as search_figures
from .search.report import search_report as search_report
from .search.studies import SearchAblation as SearchAblation
from .search.studies import SearchStudies as SearchStudies
from .study import Study as Study
from .study import Trial as Trial
from .study import TrialResult as TrialResult
from .study import Variant as Variant
from .study.settings import StudyError as StudyError
