import gzip
import struct

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


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "records"

    def fail():
        with tfrecord.TFRecordWriter(str(path)) as writer:
            writer.write(b"half")
            assert not path.exists()
            raise RuntimeError("worker lost")

    with pytest.raises(RuntimeError, match="worker lost"):
        fail()
    assert not path.exists()


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
