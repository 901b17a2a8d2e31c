"""mm-analyze --movemeter and --brightness: movemeter's own results, and those of enlarged pictures in OpenCV."""
import csv
import json
import math
import os
import random
import unittest

import cv2
import numpy

import toolkit
from toolkit import ANALYZE, SAVE, ToolTest, run

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "tracking")


class Movemeter(ToolTest):
    def store_of(self, frames):
        """A store with just these pixels."""
        os.mkdir(self.path("frames"))
        for i, frame in enumerate(frames):
            cv2.imwrite(self.path(f"frames/{i:03d}.png"), frame)
        result = run(SAVE, "--source", self.path("frames"), "--format", "npy", self.path("store"))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return self.path("store")

    def store_of_case(self, name):
        with open(os.path.join(DATA, name + ".json"), encoding="utf-8") as file:
            runs = json.load(file)["runs"]
        store = self.path(name)
        result = run(SAVE, "--source", os.path.join(DATA, name + ".tif"), "--format", "npy", store)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return store, runs

    def analyze(self, store, *options):
        # Without gnuplot, which takes longer than all the rest.
        result = run(ANALYZE, "--output", self.path("results"), *options, store, env={**os.environ, "PATH": self.dir})
        self.assertEqual(result.returncode, 0, result.stderr)

    def column(self, table, name, roi_count):
        """Values as [roi][frame]."""
        with open(self.path("results/" + table), encoding="utf-8", newline="") as file:
            values = [float(row[name]) for row in csv.DictReader(file)]
        return [values[i::roi_count] for i in range(roi_count)]

    def options(self, asked):
        options = ["--movemeter", "--upscale", asked["upscale"], "--max-movement", asked["max_movement"] or 0,
                   "--template", {"first": "0"}.get(asked["template_method"], asked["template_method"])]
        options += ["--absolute"] if asked["absolute_results"] else []
        options += ["--background", "minimum"] if asked["subtract_previous"] else []
        return options + self.rois(asked)

    @staticmethod
    def rois(asked):
        return ["--roi=" + ",".join(map(str, roi)) for roi in asked["rois_xywh"]]

    def compare(self, asked, x, y, gaps=None):
        """Equal, or a step of the grid away where the second best place is as good."""
        count = len(asked["rois_xywh"])
        ours = zip(self.column("movement.csv", "x", count), self.column("movement.csv", "y", count))
        for roi, (our_x, our_y) in enumerate(ours):
            self.assertEqual(len(our_x), len(x[roi]))
            for i in range(len(our_x)):
                off = max(abs(our_x[i] - x[roi][i]), abs(our_y[i] - y[roi][i])) * asked["upscale"]
                allowed = 1 if gaps and gaps[roi][i] < 1e-5 else 0
                self.assertLess(off, allowed + 1e-6, (asked, roi, i))


class Golden(Movemeter):
    def check_case(self, name):
        store, runs = self.store_of_case(name)
        for asked in runs:
            if asked["measure"] == "movement":
                self.analyze(store, *self.options(asked))
                self.compare(asked, asked["X"], asked["Y"], asked.get("score_gap_to_2nd_best"))

    def test_borders(self):
        self.check_case("borders")

    def test_16_bits(self):
        self.check_case("deep16")

    def test_minimum(self):
        self.check_case("faint")

    def test_rotation(self):
        store, runs = self.store_of_case("rotation")
        compared = 0
        for asked in runs:
            if asked["max_rotation"] or asked.get("shows_defect_of_peer"):
                continue
            first = {**asked, "rois_xywh": asked["rois_xywh"][:1]}
            self.analyze(store, "--rotation", *self.options(first))
            ours, = self.column("rotation.csv", "rotation_deg", 1)
            numpy.testing.assert_allclose(ours, asked["rotation_deg"][0], rtol=1e-9)
            compared += 1
        self.assertGreater(compared, 3)

    def test_brightness(self):
        store, runs = self.store_of_case("brightness")
        scales = {"absolute": "absolute", "roimin": "minimum", "roi": "movemeter"}
        for asked in runs:
            if asked["measure"] != "brightness":
                continue
            # Motion needs 4 x 4 pixels, brightness does not; and one ROI is black.
            black = 17
            rois = [roi for i, roi in enumerate(asked["rois_xywh"]) if min(roi[2:]) >= 4 and i != black]
            self.analyze(store, "--brightness", scales[asked["relative"]], *self.rois({"rois_xywh": rois}))
            ours = self.column("brightness.csv", "brightness", len(rois))
            for roi, values in zip(rois, ours):
                expected = asked["brightness"][asked["rois_xywh"].index(roi)]
                numpy.testing.assert_allclose(values, [math.nan if v is None else v for v in expected], rtol=1e-12)


class Oracle(Movemeter):
    """The same out of pictures that were really enlarged."""

    def texture(self, generator, height, width, count):
        waves = []
        for _ in range(40):
            length, angle = generator.uniform(4, 20), generator.uniform(0, 2 * math.pi)
            waves.append((2 * math.pi * math.cos(angle) / length, 2 * math.pi * math.sin(angle) / length,
                          generator.uniform(0, 2 * math.pi)))
        rows, columns = numpy.mgrid[0:height, 0:width]
        frames, x, y = [], 0.0, 0.0
        for _ in range(count):
            picture = sum(numpy.cos(u * (columns - x) + v * (rows - y) + phase) for u, v, phase in waves)
            noise = numpy.random.default_rng(generator.randrange(2 ** 32)).normal(0, 2, (height, width))
            frames.append(numpy.clip(numpy.rint(128 + 6 * picture + noise), 0, 255).astype(numpy.uint8))
            x, y = x + generator.gauss(0, 1.5), y + generator.gauss(0, 1.5)
        return frames

    def places(self, frames, asked):
        """What movemeter does, with OpenCV, and how far the second best place is behind."""
        height, width = frames[0].shape
        frames = [frame.astype(numpy.float32) for frame in frames]
        if asked["subtract_previous"]:
            minimum = numpy.min(frames, axis=0)
            frames = [frame - minimum for frame in frames]
        mean = numpy.mean(frames, axis=0, dtype=numpy.float64).astype(numpy.float32)
        most, scale = asked["max_movement"] or 0, asked["upscale"]

        def enlarge(picture):
            size = int(picture.shape[1] * scale), int(picture.shape[0] * scale)
            return picture if scale == 1 else cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)

        for x, y, w, h in asked["rois_xywh"]:
            left, top, right, bottom = 0, 0, width, height
            if most and most + y < height and most + w < width:
                left, top = max(0, x - most), max(0, y - most)
                right, bottom = min(width, left + w + 2 * most), min(height, top + h + 2 * most)
            found = []
            for i, frame in enumerate(frames):
                reference = {"first": frames[0], "previous": frames[max(0, i - 1)], "mean": mean}
                window = reference[asked["template_method"]][top:bottom, left:right]
                scores = cv2.matchTemplate(enlarge(window), enlarge(frame[y:y + h, x:x + w]), cv2.TM_CCOEFF_NORMED)
                best = numpy.argmax(scores)
                row, column = divmod(int(best), scores.shape[1])
                gap = float(scores.flat[best] - numpy.partition(scores.ravel(), -2)[-2])
                found.append((column / scale + left, row / scale + top, gap))
            yield found

    def test_enlarged_pictures(self):
        seed = int(os.environ.get("TRACK_TEST_SEED", "20240607"))
        print("TRACK_TEST_SEED=%d" % seed)
        generator = random.Random(seed)
        height, width = generator.randrange(60, 110), generator.randrange(70, 130)
        frames = self.texture(generator, height, width, 4)
        store = self.store_of(frames)
        for scale in (0.7, 1, 2.5, 10):
            rois = []
            for _ in range(3):
                w, h = generator.randrange(10, 40), generator.randrange(10, 40)
                rois.append([generator.randrange(width - w + 1), generator.randrange(height - h + 1), w, h])
            # Large movements at large scales take OpenCV seconds and gigabytes.
            asked = {"rois_xywh": rois, "upscale": scale, "absolute_results": True,
                     "max_movement": generator.choice([2, 3]) if scale > 4 else generator.choice([None, 4, 9, 40]),
                     "template_method": generator.choice(["first", "previous", "mean"]),
                     "subtract_previous": generator.random() < 0.3}
            self.analyze(store, *self.options(asked))
            found = list(self.places(frames, asked))
            self.compare(asked, *([[place[k] for place in roi] for roi in found] for k in range(3)))


class Options(Movemeter):
    def setUp(self):
        super().setUp()
        self.save("store", "--format", "npy")

    def refused(self, code, *words, options):
        self.assert_fails(run(ANALYZE, "--output", self.path("results"), *options, self.path("store")), code, *words)
        self.assertFalse(os.path.exists(self.path("results")))

    def test_refusals(self):
        for value in ("0", "-1", "nan", "inf", "x"):
            self.refused(2, "--upscale", options=["--upscale", value])
        self.refused(1, "upscale 0.3", "4 x 4", options=["--movemeter", "--upscale", "0.3", "--roi", "8,8,9,9"])
        self.refused(2, "--absolute", "--movemeter", options=["--absolute"])
        self.refused(2, "--follow", options=["--movemeter", "--follow"])
        self.refused(2, "--template", options=["--movemeter", "--template", "3"])
        self.refused(2, "--template", options=["--movemeter", "--template", "mean:0:3"])
        self.refused(2, "--background", options=["--movemeter", "--background", "mean"])
        self.refused(2, "--brightness", "range", options=["--brightness", "relative"])

    def test_settings(self):
        self.analyze(self.path("store"), "--movemeter", "--upscale", "4", "--absolute", "--template", "mean",
                     "--background", "minimum", "--brightness", "range", "--frames", "2:9")
        with open(self.path("results/settings.json"), encoding="utf-8") as file:
            settings = json.load(file)
        self.assertEqual((settings["movemeter"], settings["brightness"]), (True, "range"))
        self.assertEqual((settings["parameters"]["upscale"], settings["parameters"]["absolute"]), (4, True))
        self.assertEqual(settings["template"], {"source": "mean", "frames": {"first": 2, "end": 9}})
        self.assertEqual(settings["parameters"]["prepare"]["background"]["frames"], {"first": 2, "end": 9})
        values = self.column("brightness.csv", "brightness", 1)[0]
        self.assertEqual((len(values), min(values), max(values)), (7, 0, 1))

    def test_threads_do_not_matter(self):
        tables = set()
        for threads in (1, 2, 5):
            self.analyze(self.path("store"), "--movemeter", "--upscale", "4", "--template", "previous", "--roi",
                         "8,8,24,24", "--roi", "20,10,16,30", "--threads", threads)
            with open(self.path("results/movement.csv"), "rb") as file:
                tables.add(file.read())
        self.assertEqual(len(tables), 1)

    def test_missing_and_flat(self):
        os.unlink(self.path("store/000000/000004.npy"))
        self.analyze(self.path("store"), "--movemeter", "--template", "previous", "--brightness", "absolute")
        x = self.column("movement.csv", "x", 1)[0]
        brightness = self.column("brightness.csv", "brightness", 1)[0]
        self.assertEqual([i for i, value in enumerate(x) if math.isnan(value)], [4])
        self.assertEqual([i for i, value in enumerate(brightness) if math.isnan(value)], [4])

        flat = self.save("flat", "--format", "npy", source="test:frames=3,size=64x48,contrast=0")
        result = run(ANALYZE, "--movemeter", "--upscale", "4", "--brightness", "range", "--output", self.path("results"),
                     flat)
        self.assertEqual(result.returncode, 0)
        self.assertIn("flat 3", result.stdout)
        self.assertIn("not defined", result.stderr)
        self.assertTrue(all(map(math.isnan, self.column("movement.csv", "x", 1)[0])))
        self.assertTrue(all(map(math.isnan, self.column("brightness.csv", "brightness", 1)[0])))


if __name__ == "__main__":
    toolkit.main()
