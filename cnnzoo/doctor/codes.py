"""The vocabulary of findings: every code with its meaning, severity and stage, in one table.

Sources of thresholds: AUTOTRAINER (Zhang et al. 2021), DeepDiagnosis (Wardat et al. 2022),
TheDeepChecker (Ben Braiek and Khomh 2023), UMLAUT (Schoop et al. 2021), NeuraLint (Nikanjam et al.
2021), Amazon SageMaker Debugger (Rauschmayr et al. 2021), Deepchecks (Chorev et al. 2022).
"""

from dataclasses import dataclass
from enum import StrEnum

from cnnzoo.doctor.finding import Finding, Severity


class Stage(StrEnum):
    """When a finding can be known."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"

    __repr__ = str.__repr__


@dataclass(frozen=True)
class Code:
    """What a code of a finding means.

    Parameters
    ----------
    code
        Identifier for programs.
    name
        The diagnosis as a phrase.
    definition
        When the finding is given.
    severity
        Usual severity; a diagnosis may give another one.
    stages
        Stages that can know it.
    source
        Publication of the diagnosis or of its threshold.
    """

    code: str
    name: str
    definition: str
    severity: Severity
    stages: tuple[Stage, ...]
    source: str = ""

    def finding(
        self,
        evidence: str,
        remedy: str,
        *,
        name: str | None = None,
        severity: Severity | None = None,
        layer: str = "",
        epoch: int | None = None,
    ) -> Finding:
        """Return a finding with this code.

        Parameters
        ----------
        evidence, remedy
            The observed numbers, and what to change.
        name, severity
            The code's own if left out.
        layer, epoch
            See `Finding`.

        Examples
        --------
        >>> print(CODES["few-steps"].finding("12 steps in all", "Train for more epochs"))
        Too few weight updates: 12 steps in all. Train for more epochs.
        """
        return Finding(
            self.code,
            name or self.name,
            evidence,
            remedy,
            severity=severity or self.severity,
            layer=layer,
            epoch=epoch,
            source=self.source,
        )


CODES = {
    code.code: code
    for code in (
        Code(
            "softmax-of-one",
            "Softmax over one unit",
            "A softmax normalizes an axis of size 1, so the output is 1 for every input; the "
            "loss may fall all the same.",
            Severity.ERROR,
            (Stage.BEFORE,),
            "Keras",
        ),
        Code(
            "head-loss",
            "The head does not fit the loss",
            "The activation of the last layer and the loss's `from_logits` do not fit.",
            Severity.ERROR,
            (Stage.BEFORE,),
            "AUTOTRAINER; DeepDiagnosis; UMLAUT; NeuraLint",
        ),
        Code(
            "loss-for-numbers",
            "A regression loss for classes",
            "The loss compares numbers, and the targets are classes.",
            Severity.WARNING,
            (Stage.BEFORE,),
            "AUTOTRAINER; DeepFD",
        ),
        Code(
            "head-units",
            "The number of units does not fit the targets",
            "The last layer has more or fewer units than the targets need, or one label per row "
            "is trained as several or the reverse.",
            Severity.ERROR,
            (Stage.BEFORE,),
        ),
        Code(
            "label-encoding",
            "The labels have another encoding than the loss takes",
            "Class ids where the loss takes one value per class, or the reverse.",
            Severity.ERROR,
            (Stage.BEFORE,),
            "Keras",
        ),
        Code(
            "head-range",
            "Targets outside the range of the head",
            "The activation of the last layer cannot reach the targets.",
            Severity.ERROR,
            (Stage.BEFORE,),
            "DeepDiagnosis",
        ),
        Code(
            "hidden-activation",
            "Unsuitable hidden activation",
            "A softmax between layers, or many exponential or saturating activations without "
            "normalization.",
            Severity.WARNING,
            (Stage.BEFORE,),
            "AUTOTRAINER; DEFault",
        ),
        Code(
            "metric-for-task",
            "The metric does not measure the task",
            "A metric that is meaningless for the targets, such as accuracy for real numbers.",
            Severity.WARNING,
            (Stage.BEFORE,),
        ),
        Code(
            "no-nonlinearity",
            "No nonlinearity between layers",
            "Two or more weighted layers in sequence compose to one linear map.",
            Severity.WARNING,
            (Stage.BEFORE,),
            "UMLAUT; NeuraLint",
        ),
        Code(
            "pooled-early",
            "Feature maps shrink too early",
            "Pooling or strides leave almost no spatial extent for the layers that follow.",
            Severity.WARNING,
            (Stage.BEFORE,),
            "NeuraLint",
        ),
        Code(
            "receptive-field-small",
            "The model sees small patches only",
            "A global average pools units whose receptive field is a small part of the image, so "
            "the model knows how often a pattern occurs, and not where.",
            Severity.NOTE,
            (Stage.BEFORE,),
            "Brendel and Bethge (2019); Araujo et al. (2019)",
        ),
        Code(
            "dropout-high",
            "High dropout",
            "Dropout removes most of what the classifier needs, or follows the last layer.",
            Severity.NOTE,
            (Stage.BEFORE,),
            "UMLAUT",
        ),
        Code(
            "not-trainable",
            "Layers that never learned are frozen",
            "No weight is trainable, or a frozen layer still has its initial weights.",
            Severity.WARNING,
            (Stage.BEFORE,),
            "Keras",
        ),
        Code(
            "equal-weights",
            "A layer starts with equal weights",
            "All units of a layer have the same initial weights, so they stay alike.",
            Severity.ERROR,
            (Stage.BEFORE,),
            "NeuraLint; SageMaker Debugger",
        ),
        Code(
            "init-scale",
            "The initial scale grows or shrinks by layer",
            "Activations or gradients change their scale by orders of magnitude between the "
            "layers before training.",
            Severity.WARNING,
            (Stage.BEFORE,),
            "TheDeepChecker; AUTOTRAINER; SageMaker Debugger",
        ),
        Code(
            "rate-high",
            "The learning rate is too high",
            "Weight updates are so large that the loss does not fall.",
            Severity.WARNING,
            (Stage.BEFORE, Stage.DURING),
            "TheDeepChecker; Smith (2018)",
        ),
        Code(
            "rate-low",
            "The learning rate is too low",
            "Weight updates are so small that the loss hardly falls.",
            Severity.WARNING,
            (Stage.BEFORE, Stage.DURING),
            "TheDeepChecker; Smith (2018)",
        ),
        Code(
            "gradient-clipped",
            "Clipping removes the gradient",
            "Clipping keeps almost nothing of the gradient, and the optimizer does not rescale it.",
            Severity.WARNING,
            (Stage.BEFORE, Stage.DURING),
        ),
        Code(
            "penalty-high",
            "The penalty outweighs the loss",
            "Weight decay or a regularizer dominates what is minimized.",
            Severity.WARNING,
            (Stage.BEFORE, Stage.DURING),
            "TheDeepChecker",
        ),
        Code(
            "few-steps",
            "Too few weight updates",
            "The data, the batch size and the epochs give too few steps to learn.",
            Severity.WARNING,
            (Stage.BEFORE,),
        ),
        Code(
            "norm-batch-small",
            "BatchNormalization of tiny batches",
            "Batch statistics of one to three examples.",
            Severity.WARNING,
            (Stage.BEFORE,),
        ),
        Code(
            "inputs-nonfinite",
            "NaN or infinity in the data",
            "An input or target is not a finite number.",
            Severity.ERROR,
            (Stage.BEFORE,),
            "UMLAUT; SageMaker Debugger",
        ),
        Code(
            "inputs-constant",
            "Constant inputs",
            "All rows, or all pixels, are equal.",
            Severity.ERROR,
            (Stage.BEFORE,),
            "TheDeepChecker",
        ),
        Code(
            "inputs-unscaled",
            "Inputs are not scaled",
            "The values that enter the first trainable layer are large or of very different "
            "scales.",
            Severity.WARNING,
            (Stage.BEFORE,),
            "UMLAUT; SageMaker Debugger; TheDeepChecker",
        ),
        Code(
            "labels-out-of-range",
            "Labels out of range",
            "A label is negative, not an integer, or not below the number of units.",
            Severity.ERROR,
            (Stage.BEFORE,),
            "Keras",
        ),
        Code(
            "duplicates",
            "Duplicate rows",
            "The same inputs occur repeatedly, or with different labels.",
            Severity.NOTE,
            (Stage.BEFORE,),
            "Deepchecks",
        ),
        Code(
            "targets-unscaled",
            "Targets are not scaled",
            "The targets of a regression are far from the scale of the initial outputs.",
            Severity.WARNING,
            (Stage.BEFORE,),
        ),
        Code(
            "imbalance",
            "Unequal classes",
            "The largest class is so much larger than the smallest that the model may ignore "
            "the latter.",
            Severity.NOTE,
            (Stage.BEFORE, Stage.AFTER),
            "SageMaker Debugger; Deepchecks",
        ),
        Code(
            "not-shuffled",
            "Ordered labels without shuffling",
            "The labels are sorted, and the training or the validation split keeps the order.",
            Severity.ERROR,
            (Stage.BEFORE,),
        ),
        Code(
            "leak",
            "Rows in more than one split",
            "The same inputs occur in two of the training, validation and test data.",
            Severity.WARNING,
            (Stage.BEFORE,),
            "Deepchecks",
        ),
        Code(
            "validation-differs",
            "Validation data of another distribution",
            "Inputs or labels of the validation data differ from the training data in scale or "
            "shares.",
            Severity.WARNING,
            (Stage.BEFORE, Stage.AFTER),
            "Deepchecks",
        ),
        Code(
            "axes",
            "Axes of the images are mixed",
            "The order of the axes is not that of the model, or pixels were reordered.",
            Severity.WARNING,
            (Stage.BEFORE,),
            "UMLAUT",
        ),
        Code(
            "loss-nonfinite",
            "The loss is not a finite number",
            "Loss, weights or gradients became NaN or infinite.",
            Severity.ERROR,
            (Stage.DURING,),
            "all of these tools",
        ),
        Code(
            "loss-unstable",
            "The loss is unstable",
            "The loss rises or jumps from step to step.",
            Severity.WARNING,
            (Stage.DURING,),
            "TheDeepChecker; AUTOTRAINER",
        ),
        Code(
            "at-chance",
            "At chance level",
            "The model is not better than a constant answer.",
            Severity.WARNING,
            (Stage.DURING,),
            "AUTOTRAINER; DeepDiagnosis; TheDeepChecker",
        ),
        Code(
            "diverged",
            "Training diverged",
            "Training left the model far worse than a constant answer.",
            Severity.WARNING,
            (Stage.AFTER,),
        ),
        Code(
            "labels-no-signal",
            "The labels do not follow from the inputs",
            "The training data can be memorized, but neither the model nor a simple probe "
            "predicts unseen examples.",
            Severity.WARNING,
            (Stage.BEFORE, Stage.DURING, Stage.AFTER),
            "TheDeepChecker",
        ),
        Code(
            "dead-units",
            "Units that never fire",
            "Most units of a ReLU layer are 0 for every input.",
            Severity.WARNING,
            (Stage.DURING,),
            "SageMaker Debugger; TheDeepChecker",
        ),
        Code(
            "gradient-missing",
            "Layers without a gradient",
            "The loss does not depend on a layer's weights.",
            Severity.WARNING,
            (Stage.BEFORE,),
            "DeepDiagnosis",
        ),
        Code(
            "gradient-exploding",
            "The gradient explodes towards the first layers",
            "The first layers receive a far larger gradient than the last.",
            Severity.WARNING,
            (Stage.BEFORE, Stage.DURING),
            "AUTOTRAINER",
        ),
        Code(
            "batch-not-fitted",
            "One batch cannot be fitted",
            "Some tens of steps on a single small batch do not lower its loss at any of three "
            "learning rates.",
            Severity.WARNING,
            (Stage.BEFORE,),
            "Smith (2018)",
        ),
        Code(
            "initial-loss",
            "The initial loss is far from that of equal shares",
            "The crossentropy of the new model is a multiple of log(classes).",
            Severity.WARNING,
            (Stage.BEFORE,),
            "TheDeepChecker",
        ),
        Code(
            "gradient-vanishing",
            "The gradient vanishes",
            "The first layers receive almost no gradient.",
            Severity.WARNING,
            (Stage.BEFORE, Stage.DURING),
            "AUTOTRAINER; SageMaker Debugger; DeepDiagnosis",
        ),
        Code(
            "saturated",
            "Saturated units",
            "Most outputs of a sigmoid or tanh are at the ends of its range.",
            Severity.WARNING,
            (Stage.BEFORE, Stage.DURING),
            "DeepDiagnosis; SageMaker Debugger",
        ),
        Code(
            "too-small",
            "The model is too small",
            "Training and validation level off alike at a high loss that a wider model lowers.",
            Severity.WARNING,
            (Stage.AFTER,),
        ),
        Code(
            "overfit",
            "Overfitting",
            "The validation loss rises while the training loss falls.",
            Severity.WARNING,
            (Stage.DURING, Stage.AFTER),
            "SageMaker Debugger; AUTOTRAINER; UMLAUT",
        ),
        Code(
            "modes-differ",
            "Training and inference differ",
            "The same data have another loss in inference than in training mode.",
            Severity.WARNING,
            (Stage.AFTER,),
            "Ioffe and Szegedy (2015)",
        ),
        Code(
            "stopped-early",
            "Training stopped too early",
            "Training ended while the losses still fell.",
            Severity.WARNING,
            (Stage.AFTER,),
            "DeepFD",
        ),
        Code(
            "likelihood-missing",
            "The negative log-likelihood is not defined",
            "The outputs are neither probabilities nor declared logits.",
            Severity.NOTE,
            (Stage.AFTER,),
        ),
        Code(
            "measure-missing",
            "A metric is missing",
            "A metric that the study names is not defined for the model.",
            Severity.WARNING,
            (Stage.BEFORE, Stage.AFTER),
        ),
        Code(
            "metric-doubtful",
            "A metric is missing or misleads",
            "A requested metric is not defined for the labels and predictions, or Keras computes "
            "it in a way that differs from what it stands for.",
            Severity.WARNING,
            (Stage.AFTER,),
            "Keras",
        ),
        Code(
            "macs-missing",
            "Multiplications are missing",
            "A layer's multiply-accumulates cannot be counted.",
            Severity.NOTE,
            (Stage.BEFORE,),
        ),
    )
}
"""All codes by name: of the model, the data, the training and its result."""
