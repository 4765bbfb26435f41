from pipeline.run import push_ledger


def served_version(tmp_path):
    version = tmp_path / "served" / "1"
    version.mkdir(parents=True)
    (version / "saved_model.pb").touch()
    return version


def test_a_push_that_is_still_there_is_not_lost(tmp_path):
    version = served_version(tmp_path)
    push_ledger.record_push(str(tmp_path), "f1", str(version))

    assert push_ledger.lost_push(str(tmp_path), "f1") == ""


def test_a_push_whose_graph_is_gone_is_lost(tmp_path):
    version = served_version(tmp_path)
    push_ledger.record_push(str(tmp_path), "f1", str(version))
    (version / "saved_model.pb").unlink()

    assert push_ledger.lost_push(str(tmp_path), "f1") == str(version)


def test_what_was_never_pushed_is_not_lost(tmp_path):
    push_ledger.record_push(str(tmp_path), "f1", "/nowhere")

    assert push_ledger.lost_push(str(tmp_path), "f2") == ""
