import gzip
import struct

import google_crc32c
import pytest

from components.example_gen.shards import tfrecord


def test_masked_crc_of_known_bytes():
    # crc32c("123456789") is 0xE3069283 (RFC 3720 and every crc catalogue). Rotated
    # right by 15 bits: 0x2507C60D; plus 0xA282EAD8 is 0xC78AB0E5.
    assert tfrecord.masked_crc(b"123456789") == 0xC78AB0E5


def test_written_records_are_read_back_and_beam_reads_them_too(tmp_path):
    from apache_beam.io.tfrecordio import _TFRecordUtil

    path = str(tmp_path / "records")
    records = [b"", b"one", b"x" * 100_000]
    with tfrecord.TFRecordWriter(path) as writer:
        for record in records:
            writer.write(record)
    assert list(tfrecord.read_records(path)) == records
    with open(path, "rb") as file:
        assert [_TFRecordUtil.read_record(file) for _ in records] == records


def test_gzip_records_are_read_back_and_equal_for_equal_input(tmp_path):
    paths = [tmp_path / name for name in ("one.gz", "two.gz")]
    for path in paths:
        with tfrecord.TFRecordWriter(str(path), compress=True) as writer:
            writer.write(b"hello" * 50)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert list(tfrecord.read_records(str(paths[0]))) == [b"hello" * 50]
    assert gzip.decompress(first)[:8] == struct.pack("<Q", 250)


@pytest.mark.parametrize("compress", [False, True])
def test_the_writer_knows_what_the_file_holds(tmp_path, compress):
    path = tmp_path / "records"
    with tfrecord.TFRecordWriter(str(path), compress=compress) as writer:
        writer.write(b"some record" * 20)
    raw = path.read_bytes()
    assert (writer.size, writer.crc) == (len(raw), google_crc32c.value(raw))
    assert tfrecord.size_and_crc(str(path)) == (writer.size, writer.crc)


def test_a_small_file_has_its_name_only_when_it_is_whole(tmp_path, monkeypatch):
    def fail(source, target):
        assert not (tmp_path / "file").exists()
        raise RuntimeError("worker lost")

    monkeypatch.setattr(tfrecord, "rename", fail)
    with pytest.raises(RuntimeError, match="worker lost"):
        tfrecord.write_whole(str(tmp_path / "file"), b"all")


@pytest.mark.parametrize("cut", [3, 14, 20])
def test_a_cut_file_is_told(tmp_path, cut):
    path = tmp_path / "records"
    path.write_bytes(tfrecord.frame(b"some record")[:cut])
    with pytest.raises(tfrecord.TFRecordError, match="broken record"):
        list(tfrecord.read_records(str(path)))


def test_a_flipped_bit_is_told(tmp_path):
    raw = bytearray(tfrecord.frame(b"some record"))
    raw[15] ^= 1
    (tmp_path / "records").write_bytes(raw)
    with pytest.raises(tfrecord.TFRecordError, match="broken record of 11 bytes"):
        list(tfrecord.read_records(str(tmp_path / "records")))
