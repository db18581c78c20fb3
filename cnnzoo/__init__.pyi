from .analysis.class_activation import ClassActivation as ClassActivation
from .analysis.class_activation import class_activation as class_activation
from .analysis.description import describe as describe
from .analysis.effective_receptive_field import (
    EffectiveReceptiveField as EffectiveReceptiveField,
)
from .analysis.effective_receptive_field import (
    effective_receptive_field as effective_receptive_field,
)
from .analysis.equivariance import Equivariance as Equivariance
from .analysis.equivariance import equivariance as equivariance
from .analysis.feature_maps import FeatureMaps as FeatureMaps
from .analysis.filters import Filters as Filters
from .analysis.filters import filters as filters
from .analysis.receptive_field import LayerError as LayerError
from .analysis.receptive_field import ReceptiveField as ReceptiveField
from .analysis.receptive_field import receptive_field as receptive_field
from .builders import toggles as toggles
from .data import Data as Data
from .data import DataError as DataError
from .data import list_data as list_data
from .data import load_data as load_data
from .doctor.check import check as check
from .doctor.diagnose import Diagnosis as Diagnosis
from .doctor.diagnose import diagnose as diagnose
from .doctor.doctor import Doctor as Doctor
from .models.losses import LabelError as LabelError
from .models.mlp import mlp as mlp
from .models.model_loss import encode_labels as encode_labels
from .models.plain import batch_norm as batch_norm
from .models.plain import classic as classic
from .models.plain import conv_stack as conv_stack
from .models.plain import depthwise_separable as depthwise_separable
from .models.plain import downsampling as downsampling
from .models.plain import feature_maps as feature_maps
from .models.plain import loss_choice as loss_choice
from .models.plain import simple_cnn as simple_cnn
from .models.pretrained import WeightsError as WeightsError
from .models.pretrained import transfer as transfer
from .models.residual import residual as residual
from .models.separable import efficientnet as efficientnet
from .models.separable import mobilenet as mobilenet
from .models.sequence import sequence as sequence
from .models.vgg import vgg as vgg
from .toggle import Toggle as Toggle
from .toggle import ToggleError as ToggleError
from .training.evaluation import evaluate as evaluate
from .training.recipe import Recipe as Recipe
from .training.train import Trained as Trained
from .training.train import train as train
from .tuning.hypermodel import hypermodel as hypermodel
from .tuning.reading.results import SearchResults as SearchResults
from .tuning.reading.results import open_search as open_search
from .tuning.records import SearchError as SearchError
from .tuning.tune import tune as tune
from .zoo import build as build
from .zoo import list_models as list_models
from .zoo import load_model as load_model

__version__: str
