from pipeline.run.kept_features import forget_others

THIS, OTHER = f"{1:032x}", f"{2:032x}"  # as fingerprints


def test_features_of_other_trainings_go_and_their_checkpoints_stay(tmp_path):
    # "tuner/trial_0/training" is where a trial's are, "step-" a checkpoint
    for training in (THIS, OTHER, f"{THIS}/tuner/trial_0/training", "resnet"):
        for folder in ("features", "step-00000004"):
            path = tmp_path / "checkpoints" / training / folder
            path.mkdir(parents=True)
            (path / "P3.npy").write_bytes(b"rows")
    trial = tmp_path / "checkpoints" / OTHER / "tuner/trial_0/training/features"
    trial.mkdir(parents=True)
    elsewhere = tmp_path / "Trainer" / "features"
    elsewhere.mkdir(parents=True)

    forget_others(str(tmp_path), THIS)

    left = sorted(
        str(path.relative_to(tmp_path)) for path in tmp_path.rglob("features")
    )
    assert left == [
        "Trainer/features",
        f"checkpoints/{THIS}/features",
        f"checkpoints/{THIS}/tuner/trial_0/training/features",
        "checkpoints/resnet/features",  # of another program
    ]
    assert (tmp_path / "checkpoints" / OTHER / "step-00000004/P3.npy").exists()


def test_a_root_without_any_is_left_alone(tmp_path):
    forget_others(str(tmp_path / "new"), "this")
    assert not (tmp_path / "new").exists()
