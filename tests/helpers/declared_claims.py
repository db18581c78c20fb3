"""Small claims whose studies stub trials run."""

from ablations.claims.claim import Claim, Comparison, higher, lower
from ablations.study import Study


def study(name, seeds=6, **more):
    return Study("mlp", "digits", factors={"units": [8, 128]}, seeds=seeds, name=name, **more)


UNITS = {"units": 8}
SMALLER = lower("8 units have a lower loss", "test_loss", UNITS, margin=0.05)
"""Stub trials lose 0.1 for each toggle that is set, so 8 units are better than the default."""

LARGER = higher("8 units have a higher loss", "test_loss", UNITS, margin=0.05)

TRUE = Claim(
    "C01",
    "small-is-good",
    ("000",),
    "Few units are better",
    (study("first"),),
    (SMALLER,),
    quick={"seeds": 7, "epochs": 2, "train_size": 200},
)
FALSE = Claim(
    "C02", "small-is-bad", ("000", "003"), "Few units are worse", (study("second"),), (LARGER,)
)
EXACT = Claim("C09", "size", ("001",), "A size follows from the stride", check="size")
BROKEN = Claim("C10", "broken", ("001",), "This check fails", check="broken")
OWN_DATA = Claim(
    "C22",
    "transfer",
    ("003",),
    "Transfer helps",
    (study("own"),),
    (SMALLER,),
    fixed_data=True,
    data_needed="Two data sets",
)
PICTURE = Claim(
    "C28",
    "filters",
    ("003",),
    "First filters are edge detectors",
    data_needed="see the notebook of document 003",
)
ALL = (TRUE, FALSE, EXACT, BROKEN, OWN_DATA, PICTURE)

SIZE = (Comparison("64 to 31", 31, 31), Comparison("64 to 64", 64, 64))


def size():
    return SIZE


def broken():
    raise ZeroDivisionError("nothing fits")
