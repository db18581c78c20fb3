"""The command `ablations export`, with stub trials."""


def test_command_exports_and_names_the_viewer(tell, tiny, serially):
    assert tell("run", tiny, "--to", "there").exit_code == 0
    answer = tell("export", "there", "--to", "tensorboard", "runs")
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.splitlines() == [
        "8 trials exported to runs.",
        "To see them: tensorboard --logdir runs",
    ]
    again = tell("export", "there", "--to", "tensorboard", "runs")
    assert again.stdout.splitlines()[0] == "0 trials exported to runs; 8 trials were there."
