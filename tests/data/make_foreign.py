#!/usr/bin/python3
"""Makes tests/data/foreign: files that need libraries of Python's (Debian's python3-h5py, -blosc and -opencv).

The layouts are those that imgstore's reader of Motif's files expects, and that bloscpack 0.16 writes.
"""
import json
import pathlib
import struct
import zlib

import blosc
import cv2
import h5py
import numpy as np

HERE = pathlib.Path(__file__).parent / "foreign"


def frames(count, shape, dtype):
    n = int(np.prod(shape))
    top = np.iinfo(dtype).max
    return [((np.arange(n, dtype=np.int64) * 7 + i * 1031) % (top + 1)).astype(dtype).reshape(shape) for i in range(count)]


def bpk(array, path, piece=None, checksum=1, codec=1, offsets=True, quoted=True):
    data = array.tobytes(order="F" if np.isfortran(array) else "C")
    piece = min(piece or len(data), len(data))
    pieces = [data[i:i + piece] for i in range(0, len(data), piece)]
    digest = {0: lambda d: b"", 1: lambda d: struct.pack("<I", zlib.adler32(d)), 2: lambda d: struct.pack("<I", zlib.crc32(d))}[checksum]
    meta = json.dumps({"dtype": repr(array.dtype.str) if quoted else array.dtype.str, "shape": array.shape,
                       "order": "F" if np.isfortran(array) else "C", "container": "numpy"}, separators=(",", ":")).encode()
    packed = zlib.compress(meta, 6) if codec else meta
    room = 10 * len(meta)
    spare = 10 * len(pieces) if offsets else 0
    out = b"blpk" + bytes([3, 2 | offsets, checksum, array.itemsize])
    out += struct.pack("<iiqq", piece, len(pieces[-1]), len(pieces), spare)
    out += b"JSON\0\0\0\0" + bytes([0, checksum, codec, 6 if codec else 0])
    out += struct.pack("<III", len(meta), room, len(packed)) + bytes(8)
    out += packed + bytes(room - len(packed)) + digest(packed)
    compressed = [blosc.compress(p, typesize=array.itemsize, clevel=7, shuffle=blosc.SHUFFLE) for p in pieces]
    compressed = [c + digest(c) for c in compressed]
    if offsets:
        at = len(out) + 8 * (len(pieces) + spare)
        places = []
        for c in compressed:
            places.append(at)
            at += len(c)
        out += struct.pack("<%dq" % (len(pieces) + spare), *(places + [-1] * spare))
    path.write_bytes(out + b"".join(compressed))


def store(name, fmt, pictures, write):
    shape, dtype = pictures[0].shape, pictures[0].dtype
    folder = HERE / name / "000000"
    folder.mkdir(parents=True, exist_ok=True)
    (HERE / name / "metadata.yaml").write_text(
        "__store:\n  chunksize: 100\n  class: DirectoryImgStore\n  created_utc: '2024-01-02T03:04:05.000006'\n"
        f"  encoding: null\n  format: {fmt}\n  imgdtype: {dtype.name}\n  imgshape: {list(shape)}\n"
        "  timezone_local: Europe/Berlin\n  uuid: 00112233445566778899aabbccddeeff\n  version: 2\n")
    for i, picture in enumerate(pictures):
        write(picture, folder / f"{i:06d}.{fmt}", i)
    np.savez(folder / "index.npz", frame_number=[100 + i for i in range(len(pictures))],
             frame_time=[5.0 + i for i in range(len(pictures))])
    return HERE / name


def motif_h5(path, compress, text):
    options = {"chunks": True, "compression": "gzip", "shuffle": True} if compress else {}
    numbers = [100, 101, 102, 103, -1, -1]  # the last two were only prepared
    n = len(numbers)
    with h5py.File(path, "w") as f:
        f.attrs["datasets"] = text("analog, digital")
        f.create_dataset("analog", data=np.arange(2 * n, dtype=np.float32).reshape(2, n) / 8, **options)
        f["analog"].attrs["column_names"] = text("force, pressure")
        f["analog"].attrs["samplerate"] = 1000.0
        f.create_dataset("digital", data=(np.arange(n, dtype=np.uint16) * 3).reshape(1, n), **options)
        f["digital"].attrs["column_names"] = text("trigger")
        camera = np.zeros(n, dtype=[("frame_number", "<i8"), ("frame_time", "<f8"), ("frame_index", "<i8")])
        camera["frame_number"] = numbers
        camera["frame_time"] = 5.0 + np.arange(n)
        camera["frame_index"] = np.arange(n)
        f.create_dataset("camera", data=camera, **options)
        f.create_dataset("sample_delay", data=np.array([0.5, 0.25, np.nan, 0.125, 0, 0]))


if __name__ == "__main__":
    ways = [{}, {"piece": 1000}, {"checksum": 2, "codec": 0}, {"checksum": 0, "offsets": False}, {"quoted": False}]
    store("bpk-gray", "bpk", frames(5, (48, 50), np.uint8), lambda p, path, i: bpk(p, path, **ways[i]))
    store("bpk-color-u16", "bpk", frames(5, (20, 30, 3), np.uint16), lambda p, path, i: bpk(p, path, **ways[i]))
    store("bpk-fortran", "bpk", frames(2, (12, 34), np.uint8), lambda p, path, i: bpk(np.asfortranarray(p), path))
    for name, compress, text in (("motif-h5", False, np.string_), ("motif-h5-gzip", True, str)):
        base = store(name, "npy", frames(4, (6, 8), np.uint8), lambda p, path, i: np.save(path, p))
        motif_h5(base / "000000.extra_data.h5", compress, text)
    for fmt, color in (("png", False), ("tif", False), ("pgm", False), ("png", True), ("tif", True), ("ppm", True)):
        shape = (20, 30, 3) if color else (20, 30)
        pictures = [p * 97 for p in frames(2, shape, np.uint16)]
        store(f"u16-{fmt}-{'color' if color else 'gray'}", fmt, pictures, lambda p, path, i: cv2.imwrite(str(path), p))
    for fmt in ("ppm", "bmp", "tif", "png"):  # colour in the files of a gray store, as OpenCV then reads it
        pictures = frames(2, (21, 33, 3), np.uint8)
        base = store(f"gray-of-{fmt}", fmt, pictures, lambda p, path, i: cv2.imwrite(str(path), p * 37))
        text = (base / "metadata.yaml").read_text().replace("[21, 33, 3]", "[21, 33]")
        (base / "metadata.yaml").write_text(text)
        gray = [cv2.imread(str(base / "000000" / f"{i:06d}.{fmt}"), cv2.IMREAD_GRAYSCALE) for i in range(2)]
        np.save(base / "decoded.npy", np.array(gray))
