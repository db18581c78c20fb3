from hypothesis import given
from hypothesis import strategies as st

from cnnzoo.runtime.seeding import stream

names = st.lists(st.text(alphabet="abc1_/", min_size=1, max_size=8), min_size=1, max_size=3)


@given(seed=st.integers(0, 2**40), names=names)
def test_a_stream_is_a_seed_that_every_library_takes(seed, names):
    drawn = stream(seed, *names)
    assert 1 <= drawn < 2**31
    assert stream(seed, *names) == drawn


def test_streams_of_other_seeds_and_names_differ():
    drawn = [
        stream(seed, f"stage{stage}_{part}", option)
        for seed in range(20)
        for stage in range(10)
        for part in ("conv", "norm")
        for option in ("kernel_initializer", "bias_initializer")
    ]
    # The chance that any two of 800 among 2**31 coincide is 0.00015.
    assert len(set(drawn)) == len(drawn)


def test_a_stream_never_changes_between_releases():
    # sha256sum of "0/order", its first 16 hexadecimal digits modulo 2**31 - 1, plus 1
    assert stream(0, "order") == 320642060
