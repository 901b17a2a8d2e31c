"""mm-analyze --heatmaps and --stabilise: the files they leave, and what they say."""
import json
import math
import os
import signal
import struct
import subprocess
import time
import unittest

import cv2
import numpy

import toolkit
from toolkit import ANALYZE, ToolTest, run

KINDS = ["displacement", "speed", "direction"]


class MapsTest(ToolTest):
    def analyze(self, store, *options, notes=""):
        result = run(ANALYZE, *options, store)
        self.assertEqual((result.returncode, result.stderr), (0, notes))
        return result.stdout

    def motion(self, directory):
        """(frame, ROI, x or y) from movement.csv, and the times."""
        with open(os.path.join(directory, "movement.csv"), encoding="utf-8") as file:
            lines = [line.rstrip("\n").split(",") for line in file][1:]
        rois = len({line[3] for line in lines})
        numbers = numpy.array([[float(line[i]) for i in (4, 5)] for line in lines])
        return numbers.reshape(-1, rois, 2), numpy.array([float(line[2]) for line in lines[::rois]])


class Heatmaps(MapsTest):
    # Two blocks with a gap between them, and one that overlaps the second.
    PLACES = [(8, 8, 16, 16), (40, 8, 16, 16), (48, 16, 16, 16)]

    def setUp(self):
        super().setUp()
        self.store = self.save("store", "--format", "npy", source="test:frames=12,size=80x48,amplitude=3,period=12")
        self.rois = [part for place in self.PLACES for part in ("--roi", ",".join(map(str, place)))]
        self.results = self.store + "-movement"

    def stack(self, kind):
        read, pages = cv2.imreadmulti(os.path.join(self.results, kind + ".tif"), flags=cv2.IMREAD_UNCHANGED)
        self.assertTrue(read)
        self.assertEqual({(page.shape, page.dtype) for page in pages}, {((48, 80), numpy.dtype("float32"))})
        return numpy.array(pages)

    def expected(self, seconds=True):
        motion, times = self.motion(self.results)
        x, y = motion[..., 0], motion[..., 1]
        displacement = numpy.hypot(x, y)
        way = numpy.hypot(numpy.diff(x, axis=0), numpy.diff(y, axis=0))
        speed = numpy.vstack([numpy.full((1, 3), numpy.nan), way / numpy.diff(times)[:, None] if seconds else way])
        direction = numpy.where(displacement >= 0.05, numpy.degrees(numpy.arctan2(y, x)) % 360, numpy.nan)
        return dict(zip(KINDS, (displacement, speed, direction)))

    def test_pages_and_pictures(self):
        said = self.analyze(self.store, *self.rois, "--heatmaps")
        self.assertIn("displacement.tif", said)
        for kind, values in self.expected().items():
            stack = self.stack(kind)
            # Blocks show whole, but for the corner where the third is nearer.
            for roi, (x, y) in enumerate([(8, 8), (23, 23), (40, 8)]):
                shown = stack[:, y, x]
                numpy.testing.assert_allclose(shown, values[:, [0, 0, 1][roi]], rtol=1e-6, equal_nan=True)
            numpy.testing.assert_allclose(stack[:, 23, 55], values[:, 2], rtol=1e-6, equal_nan=True)
            self.assertTrue(numpy.isnan(stack[:, 8, 30]).all())
            self.assertTrue(numpy.isnan(stack[:, 40, 8]).all())
        maps = numpy.load(os.path.join(self.results, "heatmaps.npy"))
        self.assertEqual((maps.shape, maps.dtype), ((3, 2, 48, 80), numpy.dtype("float32")))
        for i, kind in enumerate(KINDS[:2]):
            values = self.stack(kind)[:, 12, 12]
            numpy.testing.assert_allclose(maps[i, :, 12, 12], [numpy.nanmean(values), numpy.nanmax(values)], rtol=1e-6)
        for kind in KINDS:
            for span in ("mean", "max"):
                picture = cv2.imread(os.path.join(self.results, f"{kind}-{span}.png"))
                self.assertGreater(picture.std(), 10)
        self.assertEqual([name for name in os.listdir(self.results) if name.endswith(".part")], [])

    def test_pictures_show_the_blocks_where_they_are(self):
        self.analyze(self.store, *self.rois, "--heatmaps")
        picture = cv2.imread(os.path.join(self.results, "displacement-mean.png")).astype(int)
        plot = picture[50:-62, 80:-150]  # 9 px for each
        def colourful(x, y):
            return numpy.ptp(plot[9 * y + 4, 9 * x + 4]) > 20
        self.assertTrue(colourful(9, 9) and colourful(22, 22) and colourful(55, 20) and colourful(62, 30))
        self.assertFalse(colourful(30, 12) or colourful(9, 30) or colourful(70, 10))

    def test_speed_per_frame(self):
        self.analyze(self.store, *self.rois, "--heatmaps", "--speed-per-frame")
        numpy.testing.assert_allclose(self.stack("speed")[:, 8, 8], self.expected(seconds=False)["speed"][:, 0],
                                      rtol=1e-6, equal_nan=True)
        self.assert_fails(run(ANALYZE, "--speed-per-frame", self.store), 2, "--heatmaps")

    def test_nothing_measured(self):
        store = self.save("flat", "--format", "npy", source="test:frames=3,size=80x48,contrast=0")
        result = run(ANALYZE, "--heatmaps", "--output", self.results, store)
        self.assertEqual(result.returncode, 0)
        self.assertTrue(numpy.isnan(self.stack("displacement")).all())
        self.assertNotIn("gnuplot", result.stderr)

    def test_interrupted(self):
        store = self.save("long", "--format", "npy", source="test:frames=400,size=320x240")
        process = subprocess.Popen([ANALYZE, "--heatmaps", "--threads", "1", store], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        while not os.path.exists(store + "-movement/displacement.tif.part"):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.communicate()
        self.assertEqual(process.returncode, 1)
        self.assertEqual(sorted(os.listdir(store + "-movement")), ["movement.csv.part", "quality.csv.part"])


class Stabilise(MapsTest):
    def setUp(self):
        super().setUp()
        self.store = self.save("store", "--format", "npy", "--metadata", "name=Zoë",
                               source="test:frames=24,size=120x96,amplitude=4,period=24,noise=2")
        self.copy = self.path("still")

    def test_a_store(self):
        said = self.analyze(self.store, "--stabilise", self.copy)
        self.assertEqual(said.splitlines()[2].split(",")[0], "stabilised: " + self.copy)
        before, after = self.info(self.store, "--frames", "--extra"), self.info(self.copy, "--frames", "--extra")
        for key in ("frame_number", "frame_time", "format", "extra_data"):
            self.assertEqual(before[key], after[key], key)
        done = after["user_metadata"].pop("stabilised")
        self.assertEqual(after["user_metadata"], before["user_metadata"])
        self.assertEqual((done["rois"], done["part"]), ([[24, 19, 72, 57]], [0, 0, 120, 96]))
        self.analyze(self.copy)
        left, _ = self.motion(self.copy + "-movement")
        rms = math.sqrt((left ** 2).sum(axis=-1).mean())
        print(f"left after stabilising: RMS {rms:.4f} px")
        self.assertLess(rms, 0.03)

    def test_files(self):
        for name, options in {"still.mkv": ["--crop"], "still.tif": ["--black"]}.items():
            self.analyze(self.store, "--max-movement", "12", "--stabilise", self.path(name), *options)
            read, pages = True, []
            if name.endswith(".tif"):
                read, pages = cv2.imreadmulti(self.path(name), flags=cv2.IMREAD_UNCHANGED)
                self.assertEqual(pages[12][95, 60], 0)  # 8 px lower, with nothing below
                self.assertNotEqual(pages[12][86, 60], 0)
            else:
                video = cv2.VideoCapture(self.path(name))
                while read:
                    read, page = video.read()
                    pages += [page] if read else []
                self.assertLess(pages[0].shape[0], 90)
            self.assertEqual(len(pages), 24)

    def test_turned(self):
        """A picture that turns about its middle stands still by four ROIs in its corners."""
        folder = self.path("pictures")
        os.mkdir(folder)
        random = numpy.random.default_rng(1)
        texture = cv2.GaussianBlur(random.normal(size=(200, 240)).astype("float32"), (0, 0), 2.5) * 250 + 128
        for i in range(12):
            matrix = cv2.getRotationMatrix2D((119.5, 99.5), 2.5 * math.sin(i / 2), 1)
            turned = cv2.warpAffine(texture, matrix, (240, 200), flags=cv2.INTER_CUBIC)
            cv2.imwrite(f"{folder}/{i:03}.png", numpy.clip(turned[40:160, 40:200], 0, 255).round().astype("uint8"))
        store = self.save("turning", "--format", "npy", source=folder)
        rois = [part for x, y in ((20, 20), (108, 20), (20, 68), (108, 68)) for part in ("--roi", f"{x},{y},32,32")]
        said = self.analyze(store, *rois, "--max-movement", "12", "--stabilise", self.copy, "--turn")
        self.assertIn("degrees", said)
        self.analyze(self.copy, *rois, "--max-movement", "12")
        before, _ = self.motion(store + "-movement")
        after, _ = self.motion(self.copy + "-movement")
        rms = [math.sqrt((motion ** 2).mean()) for motion in (before, after)]
        print(f"RMS {rms[0]:.3f} px before, {rms[1]:.3f} px after")
        self.assertGreater(rms[0], 1)
        self.assertLess(rms[1], 0.06)
        # By one ROI that knows its own turn.
        os.rename(self.copy, self.path("before"))
        said = self.analyze(store, "--roi", "52,32,56,56", "--max-movement", "12", "--rotation", "--stabilise", self.copy,
                            "--turn")
        self.assertIn("degrees", said)
        self.analyze(self.copy, *rois, "--max-movement", "12")
        after, _ = self.motion(self.copy + "-movement")
        rms = math.sqrt((after ** 2).mean())
        print(f"by one ROI with rotation: RMS {rms:.3f} px after")
        self.assertLess(rms, 0.1)

    def test_what_is_refused(self):
        for options, code, *words in [
            (["--stabilise", self.store], 1, "exists"),
            (["--crop"], 2, "--stabilise"),
            (["--stabilise", self.copy, "--turn"], 2, "--rotation", "two"),
            (["--stabilise", self.copy, "--turn", "--rotation", "--template", "previous"], 2, "--follow"),
            (["--stabilise", self.copy, "--format", "nonsense"], 2, "nonsense", "avc1/mp4"),
            (["--stabilise", self.copy + ".mp4", "--format", "npy"], 2, ".mp4"),
            (["--stabilise", ""], 2, "name"),
        ]:
            self.assert_fails(run(ANALYZE, *options, self.store), code, *words)
            self.assertFalse(os.path.exists(self.store + "-movement"))

    def test_lost_frames_are_held(self):
        name = os.path.join(self.store, "000000", "000007.npy")
        numpy.save(name, numpy.zeros_like(numpy.load(name)))
        # As one does who changes pixels: without checksums nothing is compared.
        index = os.path.join(self.store, "000000", "index.npz")
        with numpy.load(index) as arrays:
            kept = {key: arrays[key] for key in arrays if key != "_frame_crc32"}
        numpy.savez(index, **kept)
        os.remove(os.path.join(self.store, "000000", "000011.npy"))
        result = run(ANALYZE, "--stabilise", self.copy, self.store)
        self.assertEqual(result.returncode, 0)
        self.assertIn("1 frame without a measured motion: moved as the frame before; the first is frame 7",
                      result.stderr)
        self.assertIn("1 frame could not be read: left out; the first is frame 11", result.stderr)
        self.assertEqual(self.info(self.copy)["frame_count"], 23)

    def test_killed(self):
        store = self.save("long", "--format", "npy", source="test:frames=300,size=320x240")
        for end in (signal.SIGINT, signal.SIGKILL):
            process = subprocess.Popen([ANALYZE, "--roi", "40,40,64,64", "--max-movement", "8", "--stabilise",
                                        self.copy, store], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            while not os.path.exists(self.copy + ".part/store") and process.poll() is None:
                time.sleep(0.005)
            process.send_signal(end)
            process.communicate()
            self.assertNotEqual(process.returncode, 0)
            self.assertFalse(os.path.exists(self.copy))
            self.assertEqual(os.path.exists(self.copy + ".part"), end == signal.SIGKILL)
        # What was left over is no hindrance.
        self.analyze(store, "--roi", "40,40,64,64", "--max-movement", "12", "--frames", "0:20", "--stabilise", self.copy)
        self.assertFalse(os.path.exists(self.copy + ".part"))
        self.assertEqual(self.info(self.copy)["frame_count"], 20)


toolkit.main()
