from __future__ import annotations

import functools
import gzip
import random
import tracemalloc
import zlib

import brotli
import pytest

from repaintd.net import decoding

zstd = decoding.zstd

MOST = 4096
TEXT = random.Random(1).randbytes(3000) + b"x" * 30_000


def raw_deflate(data):
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


CODERS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": functools.partial(brotli.compress, quality=5),
    "zstd": zstd.compress,
}


def drain(decoder, chunks):
    """All output, and the longest piece of it."""
    pieces = []
    for chunk in chunks:
        pieces.append(decoder.decode(chunk, MOST))
        while decoder.pending():
            pieces.append(decoder.decode(b"", MOST))
    return b"".join(pieces), max(map(len, pieces), default=0)


@pytest.mark.parametrize("size", [1, 7, 100, 10**9])
@pytest.mark.parametrize("coding", [*CODERS, "x-gzip", "GZIP", " gzip , identity"])
def test_codings_are_undone_however_they_are_cut(coding, size):
    coded = CODERS.get(coding, gzip.compress)(TEXT)
    decoder = decoding.decoder_for(coding)
    out, longest = drain(decoder, [coded[i : i + size] for i in range(0, len(coded), size)])
    assert out == TEXT
    assert decoder.complete()
    assert longest < MOST * 20


@pytest.mark.parametrize("size", [1, 10**9])
def test_bare_deflate_is_understood_too(size):
    coded = raw_deflate(TEXT)
    decoder = decoding.decoder_for("deflate")
    out, _ = drain(decoder, [coded[i : i + size] for i in range(0, len(coded), size)])
    assert (out, decoder.complete()) == (TEXT, True)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("size", [1, 10, 10**9])
def test_parts_in_a_row_are_one_body(coding, size):
    coded = CODERS[coding](b"a" * 5000) + CODERS[coding](b"b" * 5000)
    decoder = decoding.decoder_for(coding)
    out, _ = drain(decoder, [coded[i : i + size] for i in range(0, len(coded), size)])
    assert (out, decoder.complete()) == (b"a" * 5000 + b"b" * 5000, True)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_flood_of_empty_parts_is_refused(coding):
    with pytest.raises(decoding.CodingError, match="more than 64 parts"):
        drain(decoding.decoder_for(coding), [CODERS[coding](b"") * 65])


@pytest.mark.parametrize("coding", CODERS)
@pytest.mark.parametrize("cut", [0, 1, 10, -1])
def test_bad_input_29_a_stream_cut_short_is_not_complete(coding, cut):
    coded = CODERS[coding](TEXT)
    decoder = decoding.decoder_for(coding)
    drain(decoder, [coded[:cut]])
    assert not decoder.complete()


@pytest.mark.parametrize("coding", CODERS)
def test_bad_input_30_the_wrong_header_is_told(coding):
    with pytest.raises(decoding.CodingError):
        drain(decoding.decoder_for(coding), [b'{"plain": "json"}' * 10])


@pytest.mark.parametrize("coding", ["deflate", "br"])
def test_bytes_behind_the_end_are_refused(coding):
    with pytest.raises(decoding.CodingError):
        drain(decoding.decoder_for(coding), [CODERS[coding](TEXT), b"more"])


@pytest.mark.parametrize("coding", CODERS)
def test_bad_input_30_a_bomb_comes_in_small_pieces(coding):
    coded = CODERS[coding](bytes(64 * 1024 * 1024))
    decoder = decoding.decoder_for(coding)
    tracemalloc.start()
    try:
        produced = len(decoder.decode(coded, MOST))
        for _ in range(100):
            assert decoder.pending()
            produced += len(decoder.decode(b"", MOST))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert produced < 8 * 1024 * 1024
    assert peak < 8 * 1024 * 1024


def test_a_zstd_window_beyond_8_mib_is_refused():
    option = zstd.CompressionParameter.window_log
    coded = zstd.ZstdCompressor(options={option: 27}).compress(b"x" * 100) + b""
    big = zstd.ZstdCompressor(options={option: 27})
    coded = big.compress(b"x" * 100, zstd.ZstdCompressor.FLUSH_BLOCK)
    with pytest.raises(decoding.CodingError, match="8 MiB"):
        drain(decoding.decoder_for("zstd"), [coded])


@pytest.mark.parametrize("header", ["", "identity", " , Identity"])
def test_no_coding_needs_no_decoder(header):
    assert decoding.decoder_for(header) is None


@pytest.mark.parametrize("header", ["gzip, br", "gzip,gzip", "compress", "x" * 5000, "utf-8"])
def test_bad_input_30_nested_and_unknown_codings_are_refused(header):
    with pytest.raises(decoding.CodingError) as caught:
        decoding.decoder_for(header)
    assert len(str(caught.value)) < 120


def test_no_bytes_at_all_are_no_stream():
    decoder = decoding.decoder_for("deflate")
    assert (decoder.decode(b"", MOST), decoder.pending(), decoder.complete()) == (b"", False, False)
