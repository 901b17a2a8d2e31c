"""Python with OpenCV, numpy and yaml, but without a line of ours, reads what imgstore-save wrote and finds the same
frames: metadata.yaml, .npz, .extra.json and the chunks, the way Python's imgstore takes them."""
import datetime
import glob
import itertools
import json
import os
import shutil
import sqlite3
import struct
import zlib

import cv2
import numpy as np
import yaml

import toolkit
from toolkit import FORMATS, ToolTest

try:
    import blosc
except ImportError:
    blosc = None

# Written where libstore was built with Blosc, and read here where Python has it.
BPK = ["bpk"] if blosc and os.environ.get("WITH_BLOSC") == "1" else []
COUNT, CHUNKSIZE, HEIGHT, WIDTH = 47, 20, 64, 96
METADATA = {"genotype": "w1118; +/+", "n_flies": 12, "rate": 25.5, "small": 1e-07, "none": None, "on": True,
            "date-like": "2024-01-02", "clock": "12:30", "octal": "0755", "exponent": "1e-7", "word": "yes", "tilde": "~",
            "note": "Grüße — μ", "nested": {"list": [1, 2, [3, "x"]], "empty": {}}, "lines": "a\nb\n", "blank": " x "}


def make_frame(index, channels):
    """Smooth, so that lossy formats stay near; the index is drawn as 16 blocks."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    frame = np.stack([110 + 60 * np.sin((x + 3 * index) / (9 + c)) * np.cos(y / (11 - c)) for c in range(channels)], -1)
    frame = frame.astype(np.uint8)
    for bit in range(16):
        frame[1:7, 2 + 5 * bit:7 + 5 * bit] = 255 if index >> bit & 1 else 0
    return frame[:, :, 0] if channels == 1 else frame


def read_index(frame):
    gray = frame if frame.ndim == 2 else frame[:, :, 1]
    return sum(int(gray[2:6, 3 + 5 * bit:6 + 5 * bit].mean() > 127) << bit for bit in range(16))


def read_bpk(name):
    """An array from the file of bloscpack, every piece found by its offset; the checksums are compared."""
    with open(name, "rb") as file:
        data = file.read()
    magic, version, options, checksum, item, size, last, count, spare = struct.unpack_from("<4s4Biiqq", data)
    assert (magic, version, options, checksum) == (b"blpk", 3, 3, 1)
    magic, options, checksum, codec, _, length, room, packed = struct.unpack_from("<8s4BIII", data, 32)
    assert (magic, options, checksum) == (b"JSON\0\0\0\0", 0, 1)
    text, at = data[64:64 + packed], 64 + room
    assert struct.unpack_from("<I", data, at) == (zlib.adler32(text),)
    text = zlib.decompress(text) if codec else text
    assert len(text) == length
    about = json.loads(text)
    offsets = struct.unpack_from(f"<{count + spare}q", data, at + 4)
    assert offsets[count:] == (-1,) * spare
    pieces = []
    for offset, end in zip(offsets[:count], (*offsets[1:count], len(data)), strict=True):
        assert struct.unpack_from("<I", data, end - 4) == (zlib.adler32(data[offset:end - 4]),)
        pieces.append(blosc.decompress(data[offset:end - 4]))
    assert [len(piece) for piece in pieces] == [size] * (count - 1) + [last]
    assert (about["order"], about["container"]) == ("C", "numpy")
    array = np.frombuffer(b"".join(pieces), about["dtype"].strip("'")).reshape(about["shape"])
    assert array.itemsize == item
    return array


def read_image(name):
    if name.endswith("bpk"):
        return read_bpk(name)
    return np.load(name) if name.endswith("npy") else cv2.imread(name, cv2.IMREAD_UNCHANGED)


class Store:
    """A store as Python's imgstore finds its way through it."""

    def __init__(self, path):
        self.path = path
        with open(os.path.join(path, "metadata.yaml"), encoding="utf-8") as file:
            self.metadata = yaml.safe_load(file)
        self.store = self.metadata.pop("__store")
        self.video = self.store["class"] == "VideoImgStore"
        if self.video:
            names = glob.glob(os.path.join(path, "*" + self.store["extension"]))
            self.chunks = sorted(int(os.path.splitext(os.path.basename(name))[0]) for name in names)
        else:
            self.chunks = sorted(int(name) for name in os.listdir(path) if os.path.isdir(os.path.join(path, name)))

    def beside(self, chunk, suffix):
        return os.path.join(self.path, f"{chunk:06d}" + ("" if self.video else "/index") + suffix)

    def index(self, chunk):
        with np.load(self.beside(chunk, ".npz"), allow_pickle=False) as arrays:
            return arrays["frame_number"], arrays["frame_time"]

    def walk(self):
        """get_next_image() of a store that was just opened: the numbers that it asks for, and the pictures that it
        gets. It begins in chunk 0, looks for each next chunk under the next number, and ends with the highest number of
        a frame."""
        indexes = {chunk: list(self.index(chunk)[0]) for chunk in self.chunks}
        last = max(number for numbers in indexes.values() for number in numbers)
        chunk, number = 0, None
        while number != last:
            for number, image in zip(indexes[chunk], self.frames(chunk), strict=True):
                yield number, image
            chunk += 1

    def image(self, number):
        """get_image() by number."""
        for chunk in self.chunks:
            numbers = list(self.index(chunk)[0])
            if number in numbers:
                place = numbers.index(number)
                return self.sought(chunk, place) if self.video else next(itertools.islice(self.frames(chunk), place, None))
        raise ValueError(f"frame #{number} not found in any chunk")

    def as_stored(self, image):
        return image[:, :, 0] if self.video and len(self.store["imgshape"]) == 2 else image

    def frames(self, chunk):
        if self.video:
            capture = cv2.VideoCapture(os.path.join(self.path, f"{chunk:06d}{self.store['extension']}"))
            while (got := capture.read())[0]:
                yield self.as_stored(got[1])
            return
        for i in range(len(self.index(chunk)[0])):
            name = os.path.join(self.path, f"{chunk:06d}", f"{i:06d}.{self.store['format']}")
            yield read_image(name)

    def sought(self, chunk, i):
        capture = cv2.VideoCapture(os.path.join(self.path, f"{chunk:06d}{self.store['extension']}"))
        capture.set(cv2.CAP_PROP_POS_FRAMES, i)
        return self.as_stored(capture.read()[1])


class PythonReads(ToolTest):
    def record(self, form, channels, *options):
        folder = self.path("images")
        os.mkdir(folder)
        self.given = [make_frame(i, channels) for i in range(COUNT)]
        for i, frame in enumerate(self.given):
            cv2.imwrite(os.path.join(folder, f"{i}.png"), frame)
        metadata = self.write("metadata.yaml", yaml.safe_dump(METADATA, allow_unicode=True))
        return Store(self.save("store", "--format", form, "--chunksize", str(CHUNKSIZE), "--metadata-file", metadata,
                               *options, source=folder))

    def check_metadata(self, store, form, channels):
        self.assertEqual(store.metadata, METADATA)
        about = store.store
        self.assertEqual(about["version"], 2)
        self.assertEqual(about["format"], form)
        self.assertEqual(about["class"], "VideoImgStore" if "/" in form else "DirectoryImgStore")
        self.assertEqual(about["imgshape"], [HEIGHT, WIDTH] if channels == 1 else [HEIGHT, WIDTH, 3])
        self.assertEqual(about["imgdtype"], "uint8")
        self.assertEqual(about["chunksize"], CHUNKSIZE)
        self.assertIn(about["encoding"], (None, ""))
        self.assertRegex(about["uuid"], "^[0-9a-f]{32}$")
        self.assertIsInstance(about["created_utc"], str)
        datetime.datetime.fromisoformat(about["created_utc"])
        self.assertIsInstance(about["timezone_local"], str)
        self.assertFalse(os.path.exists(os.path.join(store.path, ".lock")))

    def check_frames(self, store, form, channels, exact):
        self.assertEqual(store.chunks, [0, 1, 2])
        count = 0
        times = []
        for chunk in store.chunks:
            numbers, chunk_times = store.index(chunk)
            self.assertEqual((numbers.dtype.str, chunk_times.dtype.str), ("<i8", "<f8"))
            self.assertEqual(numbers.tolist(), list(range(count, count + len(numbers))))
            times.extend(chunk_times.tolist())
            found = 0
            for image in store.frames(chunk):
                given = self.given[count]
                self.assertEqual(image.shape, given.shape)
                self.assertEqual(read_index(image), count)
                difference = np.abs(image.astype(int) - given)
                if exact:
                    self.assertEqual(difference.max(), 0)
                # Colour is halved in resolution by the video formats; the blocks' edges suffer.
                self.assertLess(difference[8:].mean(), 3 if channels == 1 else 6)
                count += 1
                found += 1
            self.assertEqual(found, len(numbers))
        self.assertEqual(count, COUNT)
        self.assertTrue(all(a < b for a, b in zip(times, times[1:])))
        if store.video:
            for i in (19, 0, 7, 13, 1, 18):
                self.assertEqual(read_index(store.sought(1, i)), CHUNKSIZE + i)

    def test_formats(self):
        for form in FORMATS + BPK:
            for channels in (1, 3):
                with self.subTest(format=form, channels=channels):
                    store = self.record(form, channels)
                    self.check_metadata(store, form, channels)
                    self.check_frames(store, form, channels, exact="/" not in form)
                    shutil.rmtree(self.path("store"))
                    shutil.rmtree(self.path("images"))

    def check_sought(self, path, count):
        """Every frame of a chunk, sought in a file just opened and in one that was read to its end."""
        capture = cv2.VideoCapture(path)
        self.assertEqual(capture.get(cv2.CAP_PROP_FRAME_COUNT), count)
        images = []
        while (got := capture.read())[0]:
            images.append(got[1])
        self.assertEqual(len(images), count)
        for i in reversed(range(count)):
            # OpenCV does not go back in a file of one frame.
            for opened in [cv2.VideoCapture(path)] + [capture] * (count > 1):
                opened.set(cv2.CAP_PROP_POS_FRAMES, i)
                self.assertTrue((opened.read()[1] == images[i]).all(), f"{count} frames, frame {i}")

    def test_lengths(self):
        """The length decides how much FFmpeg, and so OpenCV, finds out of a chunk before its end."""
        for form, extension in (("h264/mkv", "mkv"), ("avc1/mp4", "mp4"), ("ffv1/mkv", "mkv")):
            # 30 a second: times that no whole number of milliseconds fits.
            for options in ([], ["--encoder-options", "g=1"]):
                if options and form == "ffv1/mkv":
                    continue
                for count in (1, 2, 3, 6, 7, 8, 9, 18, 20, 26):
                    with self.subTest(format=form, options=options, count=count):
                        path = self.save("store", "--format", form, *options,
                                         source=f"test:frames={count},size=64x48,rate=30")
                        self.check_sought(os.path.join(path, f"000000.{extension}"), count)
                        shutil.rmtree(path)

    def test_quality_100_keeps_gray_exactly(self):
        self.check_frames(self.record("avc1/mp4", 1, "--quality", "100"), "avc1/mp4", 1, exact=True)

    def test_16_bits(self):
        folder = self.path("images")
        os.mkdir(folder)
        given = [(make_frame(i, 1).astype(np.uint16) * 257 + i) for i in range(5)]
        for i, frame in enumerate(given):
            cv2.imwrite(os.path.join(folder, f"{i}.png"), frame)
        for form in ["npy", "tif", *BPK]:
            store = Store(self.save("store-" + form, "--format", form, source=folder))
            self.assertEqual(store.store["imgdtype"], "uint16")
            for image, frame in zip(store.frames(0), given, strict=True):
                self.assertEqual(image.dtype, np.uint16)
                self.assertTrue((image == frame).all())

    def test_extra_data(self):
        for form in FORMATS:
            path = self.save("store-" + form.replace("/", "-"), "--format", form, "--chunksize", "20",
                             source="test:frames=47,size=64x48")
            store = Store(path)
            rows = []
            for chunk in store.chunks:
                with open(store.beside(chunk, ".extra.json"), encoding="utf-8") as file:
                    found = json.load(file)
                numbers, times = store.index(chunk)
                self.assertEqual([row["frame_number"] for row in found], numbers.tolist())
                self.assertEqual([row["frame_time"] for row in found], times.tolist())
                rows.extend(found)
            self.assertEqual([row["frame_index"] for row in rows], list(range(47)))
            self.assertEqual(rows, self.info(path, "--extra")["extra_data"])

    def check_ring(self, store, first):
        """A store like any other, of the frames from `first` on."""
        self.assertEqual(store.store["removed"], {"chunks": 0, "frames": first})
        self.assertEqual(store.chunks, list(range(len(store.chunks))))
        walked = [(number, read_index(image)) for number, image in store.walk()]
        self.assertEqual(walked, [(number, number) for number in range(first, COUNT)])
        for number in (COUNT - 1, first, first + 7, first + 3):
            self.assertEqual(read_index(store.image(number)), number)
        with self.assertRaises(ValueError):
            store.image(first - 1)
        database = sqlite3.connect(f"file:{store.path}/.index.sqlite?mode=ro", uri=True)
        ask = lambda query: database.execute(query).fetchall()
        self.assertEqual(ask("SELECT count(1) FROM frames"), [(COUNT - first,)])
        self.assertEqual(dict(ask("SELECT name, value FROM summary"))["frame_min"], first)
        paths = [f"store/{chunk:06d}" + ("" if store.video else "/index") for chunk in store.chunks]
        self.assertEqual(ask("SELECT chunk, chunk_path FROM chunks ORDER BY chunk"), list(zip(store.chunks, paths)))
        rows = ask("SELECT chunk, frame_idx, frame_number FROM frames ORDER BY rowid")
        self.assertEqual(rows, [(chunk, i, number) for chunk in store.chunks
                                for i, number in enumerate(store.index(chunk)[0].tolist())])
        self.assertEqual(ask("SELECT frame_number FROM frames ORDER BY rowid LIMIT 1 OFFSET 3"), [(first + 3,)])

    def test_ring(self):
        for form in ("avc1/mp4", "mjpeg/avi", "npy", "png"):
            for keep in ("0.5", "1.4"):  # fewer frames than were removed, and more
                with self.subTest(format=form, keep=keep):
                    store = self.record(form, 1, "--keep", keep)
                    first = store.store["removed"]["frames"]
                    self.assertEqual(2 * first > COUNT, keep == "0.5")
                    self.assertGreater(first, 0)
                    self.check_ring(store, first)
                    shutil.rmtree(self.path("store"))
                    shutil.rmtree(self.path("images"))

    def test_index(self):
        """The queries of Python's ImgStoreIndex."""
        store = Store(self.save("store", "--chunksize", "20", source="test:frames=47,size=64x48"))
        database = sqlite3.connect(f"file:{store.path}/.index.sqlite?mode=ro", uri=True)
        ask = lambda query, *values: database.execute(query, values).fetchall()
        self.assertEqual(ask("SELECT value FROM index_information WHERE name = 'version'"), [("1",)])
        summary = dict(ask("SELECT name, value FROM summary"))
        self.assertEqual((summary["frame_min"], summary["frame_max"]), (0, 46))
        rows = ask("SELECT chunk, frame_idx, frame_number, frame_time FROM frames ORDER BY rowid")
        self.assertEqual([(row[0], row[1], row[2]) for row in rows], [(i // 20, i % 20, i) for i in range(47)])
        self.assertEqual([row[3] for row in rows[20:40]], store.index(1)[1].tolist())
        self.assertEqual([row[0] for row in ask("SELECT chunk FROM chunks ORDER BY chunk")], [0, 1, 2])
        self.assertEqual(ask("SELECT frame_number FROM frames ORDER BY rowid LIMIT 1 OFFSET 33"), [(33,)])


toolkit.main()
