"""How long is trained follows from how much there is to train on."""

from __future__ import annotations

from riskclf.finetuning import TrainingConfig, training_config_for


def test_steps_are_whole_batches_in_all_epochs() -> None:
    assert TrainingConfig(epochs=4, batch_size=32).steps(480) == 60
    assert TrainingConfig(epochs=4, batch_size=32).steps(481) == 64
    assert TrainingConfig(epochs=0.5, batch_size=8).steps(40) == 3


def test_a_new_head_on_few_posts_is_trained_longer() -> None:
    few = training_config_for(32, 0, new_head=True, seed=0)
    assert few.steps(32) >= 100 > training_config_for(32, 0, new_head=False, seed=0).steps(32)
    many = training_config_for(2000, 0, new_head=True, seed=0)
    assert many.epochs == 4 and many.batch_size == 32


def test_the_seed_is_kept() -> None:
    assert training_config_for(32, 384, new_head=False, seed=7).seed == 7
