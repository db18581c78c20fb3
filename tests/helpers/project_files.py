"""The files of a search, to be looked at and tampered with."""

import json


def state_of(place, trial):
    return json.loads((place / f"trial_{trial}" / "trial.json").read_text())


def states(place):
    return [json.loads(path.read_text()) for path in sorted(place.glob("trial_*/trial.json"))]


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
