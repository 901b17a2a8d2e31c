"""mm-analyze: the motion of a pattern, the files it leaves, and what it says when it cannot."""
import csv
import json
import math
import os
import signal
import subprocess
import time
import unittest

import toolkit
from toolkit import ANALYZE, INFO, ToolTest, run

HEADER = "frame_index,frame_number,frame_time,roi,x,y,score,status"
PICTURES = ["movement.svg", "rois.svg"]
RESULTS = sorted(["curves.dat", "frame.pgm", "movement.csv", "movement.gnuplot", "pictures.gnuplot", "quality.csv",
                  "rois.gnuplot", "settings.json"] + PICTURES)


class Analysis(ToolTest):
    def analyze(self, store, *options):
        """Must succeed, without a word on stderr and with two lines on stdout."""
        result = run(ANALYZE, *options, store)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(len(result.stdout.splitlines()), 2, result.stdout)
        return result.stdout

    def rows(self, directory):
        with open(os.path.join(directory, "movement.csv"), encoding="utf-8", newline="") as file:
            text = file.read()
        self.assertEqual(text.splitlines()[0], HEADER)
        self.assertNotIn("\r", text)
        return list(csv.DictReader(text.splitlines()))

    def settings(self, directory):
        with open(os.path.join(directory, "settings.json"), encoding="utf-8") as file:
            return json.load(file)

    def truth(self, store):
        return [(extra["motion_x"], extra["motion_y"])
                for extra in map(json.loads, run(INFO, "--extra", store).stdout.splitlines())]


class Results(Analysis):
    def test_no_option_at_all(self):
        store = self.save("store", "--format", "npy", source="test:frames=60,size=160x120")
        said = self.analyze(store)
        output = store + "-movement"
        self.assertEqual(sorted(os.listdir(output)), RESULTS)
        self.assertIn("60 frames, 1 ROI", said)
        self.assertIn(output, said)
        rows = self.rows(output)
        times = self.info(store, "--frames")["frame_time"]
        self.assertEqual([(int(row["frame_index"]), float(row["frame_time"]), row["roi"]) for row in rows],
                         [(i, times[i], "0") for i in range(60)])
        self.assertEqual((float(rows[0]["x"]), float(rows[0]["y"]), float(rows[0]["score"])), (0, 0, 1))
        self.assertEqual({row["status"] for row in rows}, {""})
        squares = [(float(row["x"]) - x) ** 2 + (float(row["y"]) - y) ** 2
                   for row, (x, y) in zip(rows, self.truth(store))]
        self.assertLess(math.sqrt(sum(squares) / len(squares)), 0.02)

    def test_settings(self):
        store = self.save("store", "--format", "npy")
        self.analyze(store, "--roi", "4,6,20,16", "--roi", "a b=30,20,16,12", "--max-movement", "9", "--template", "3",
                     "--frames", "2:11", "--threads", "3", "--output", self.path("results"))
        settings = self.settings(self.path("results"))
        self.assertEqual(settings["rois"], [{"roi": 0, "x": 4, "y": 6, "width": 20, "height": 16},
                                            {"roi": "a b", "x": 30, "y": 20, "width": 16, "height": 12}])
        self.assertEqual(settings["frames"], {"first": 2, "end": 11})
        self.assertEqual(settings["template"]["frame_index"], 3)
        self.assertEqual(settings["parameters"]["max_movement_px"], 9)
        self.assertEqual(settings["parameters"]["min_score"], 0.5)
        self.assertEqual(settings["parameters"]["threads"], 3)
        self.assertEqual(settings["store"]["uuid"], self.info(store)["uuid"])
        self.assertEqual(settings["store"]["path"], os.path.realpath(store))
        self.assertIn("libstore", settings)
        self.assertIn("libtrack", settings)
        rows = self.rows(self.path("results"))
        self.assertEqual([(int(row["frame_index"]), row["roi"]) for row in rows],
                         [(i, roi) for i in range(2, 11) for roi in ("0", "a b")])
        self.assertEqual([(row["x"], row["score"]) for row in rows if row["frame_index"] == "3"], [("0", "1")] * 2)

    def table(self, directory, name):
        with open(os.path.join(directory, name), encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def test_quality(self):
        store = self.save("store", "--format", "npy", source="test:frames=60,size=160x120,noise=4")
        self.analyze(store)
        output = store + "-movement"
        rows, quality = self.rows(output), self.table(output, "quality.csv")
        self.assertEqual(list(quality[0]), ["frame_index", "frame_number", "frame_time", "roi", "score",
                                            "second_peak_gap", "standard_error_x", "standard_error_y"])
        key = ("frame_index", "frame_number", "frame_time", "roi", "score")
        self.assertEqual([[row[name] for name in key] for row in quality], [[row[name] for name in key] for row in rows])
        squares = 0
        for row, measured, (x, y) in list(zip(quality, rows, self.truth(store)))[1:]:
            self.assertTrue(0 < float(row["second_peak_gap"]) <= 2)
            squares += ((float(measured["x"]) - x) / float(row["standard_error_x"])) ** 2
            squares += ((float(measured["y"]) - y) / float(row["standard_error_y"])) ** 2
        self.assertTrue(0.5 < math.sqrt(squares / (2 * 59)) < 2, math.sqrt(squares / (2 * 59)))

    def test_min_gap(self):
        store = self.save("store", "--format", "npy", source="test:frames=10,size=160x120")
        self.analyze(store, "--min-gap", "0.05")
        self.assertEqual({row["status"] for row in self.rows(store + "-movement")}, {""})
        self.assertIn("unsure 10", self.analyze(store, "--min-gap", "1.9"))
        rows, settings = self.rows(store + "-movement"), self.settings(store + "-movement")
        self.assertEqual({(row["x"], row["y"], row["status"]) for row in rows}, {("nan", "nan", "unsure")})
        self.assertEqual((settings["rows"]["unsure"], settings["parameters"]["min_gap"]), (10, 1.9))
        self.assertIn("unsure 10", self.analyze(store, "--min-gap", "1.9", "--rotation", "--max-movement", "10"))
        self.assertEqual({row["status"] for row in self.table(store + "-movement", "rotation.csv")}, {"unsure"})

    def test_rotation(self):
        store = self.save("store", "--format", "npy", source="test:frames=20,size=160x120,noise=4")
        said = run(ANALYZE, "--rotation", "--max-rotation", "30", "--max-movement", "20", "--json", store)
        summary = json.loads(said.stdout)
        self.assertIn("rotation.csv", summary["files"])
        rotation = self.table(store + "-movement", "rotation.csv")
        self.assertEqual(list(rotation[0]), ["frame_index", "frame_number", "frame_time", "roi", "rotation_deg", "x", "y",
                                             "score", "status", "standard_error_rotation_deg"])
        self.assertEqual(len(rotation), 20)
        errors = [float(row["standard_error_rotation_deg"]) for row in rotation]
        squares = [(float(row["rotation_deg"]) / error) ** 2 for row, error in list(zip(rotation, errors))[1:]]
        self.assertTrue(0.5 < math.sqrt(sum(squares) / 19) < 2, math.sqrt(sum(squares) / 19))
        self.assertAlmostEqual(summary["quality"]["standard_error_rotation_deg_rms"],
                               math.sqrt(sum(error ** 2 for error in errors) / 20), places=9)
        for row in self.table(store + "-movement", "quality.csv"):
            self.assertTrue(0 < float(row["second_peak_gap"]) <= 2)
            self.assertTrue(0 < float(row["standard_error_x"]) < 0.1)
        for row, (x, y) in zip(rotation, self.truth(store)):
            self.assertLess(abs(float(row["rotation_deg"])), 0.1)
            self.assertLess(math.hypot(float(row["x"]) - x, float(row["y"]) - y), 0.1)
            self.assertEqual(row["status"], "")
        self.assertEqual(self.settings(store + "-movement")["parameters"]["max_rotation_deg"], 30)
        self.analyze(store, "--rotation", "--follow", "--template", "previous", "--max-movement", "8")
        rotation = self.table(store + "-movement", "rotation.csv")
        for row, (x, y) in zip(rotation, self.truth(store)):
            self.assertLess(abs(float(row["rotation_deg"])), 0.5)
            self.assertLess(math.hypot(float(row["x"]) - x, float(row["y"]) - y), 0.2)
        result = run(ANALYZE, "--rotation", "--upscale", "4", store)
        self.assertEqual(result.returncode, 2)
        self.assertIn("--upscale 4", result.stderr)
        result = run(ANALYZE, "--max-rotation", "30", store)
        self.assertEqual(result.returncode, 2)
        self.assertIn("--rotation", result.stderr)

    def test_threads_and_locale_do_not_matter(self):
        store = self.save("store")
        tables = set()
        for threads, locale in (("1", "C"), ("2", "C.UTF-8"), ("5", "de_DE.UTF-8")):
            output = self.path("results" + threads)
            result = run(ANALYZE, "--roi", "8,8,24,24", "--roi", "20,10,16,30", "--threads", threads, "--output", output,
                         store, env={**os.environ, "LC_ALL": locale})
            self.assertEqual(result.returncode, 0)
            with open(os.path.join(output, "movement.csv"), "rb") as file:
                tables.add(file.read())
        self.assertEqual(len(tables), 1)

    def test_every_way_to_name_a_store(self):
        store = self.save("store")
        for name in (store, store + "/", os.path.join(store, "metadata.yaml")):
            self.assertIn(store + "-movement", self.analyze(name))
        result = run(ANALYZE, "--quiet", "metadata.yaml", cwd=store)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertEqual(sorted(os.listdir(self.dir)), ["store", "store-movement"])
        self.assertEqual(sorted(os.listdir(store + "-movement")), RESULTS)

    def test_a_flat_roi_is_said(self):
        store = self.save("store", "--format", "npy", source="test:frames=5,size=64x48,contrast=0")
        result = run(ANALYZE, "--roi", "wall=8,8,16,16", store)
        self.assertEqual(result.returncode, 0)
        self.assertIn("ROI wall has no texture", result.stderr)
        for row in self.rows(store + "-movement"):
            self.assertEqual((row["x"], row["y"], row["score"], row["status"]), ("nan", "nan", "nan", "flat"))
        self.assertIn("flat 5", result.stdout)

    def test_a_missing_frame_is_said(self):
        store = self.save("store", "--format", "npy", "--chunksize", "10")
        os.unlink(os.path.join(store, "000001", "000004.npy"))
        self.assertIn("missing 1", self.analyze(store))
        row = self.rows(store + "-movement")[14]
        self.assertEqual((row["frame_number"], row["x"], row["y"], row["score"], row["status"]),
                         ("14", "nan", "nan", "nan", "missing"))

    def test_edge(self):
        store = self.save("store", "--format", "npy", source="test:frames=30,size=128x96,motion=line")
        self.assertNotIn("edge 0", self.analyze(store, "--max-movement", "2"))
        rows = self.rows(store + "-movement")
        self.assertEqual(rows[12]["status"], "edge")
        self.assertEqual(rows[0]["status"], "")

    def test_colour(self):
        store = self.save("store", "--format", "npy", source="test:frames=30,size=128x96,color=1")
        self.analyze(store)
        for row, (x, y) in zip(self.rows(store + "-movement"), self.truth(store)):
            self.assertAlmostEqual(float(row["x"]), x, delta=0.03)
            self.assertAlmostEqual(float(row["y"]), y, delta=0.03)

    def test_rerun_replaces(self):
        store = self.save("store")
        self.analyze(store)
        self.analyze(store, "--frames", ":7")
        self.assertEqual(len(self.rows(store + "-movement")), 7)
        self.assertEqual(sorted(os.listdir(store + "-movement")), RESULTS)


class Picture(Analysis):
    def test_names_that_gnuplot_might_take_for_code(self):
        store = self.save("store's {x}_$1")
        rois = [f"--roi={name}=8,8,16,16" for name in ("it's", "a_b^2", "{/Bold x}", "$1", "`id`", "#", "50%", "Ω")]
        self.analyze(store, *rois)
        with open(store + "-movement/movement.svg", encoding="utf-8") as file:
            svg = file.read()
        for name in ("it's", "a_b^2", "{/Bold x}", "$1", "`id`", "50%", "Ω"):
            self.assertIn(name, svg.replace("&#39;", "'").replace("&apos;", "'"))

    def test_the_script_can_be_run_again(self):
        store = self.save("store")
        self.analyze(store)
        svg = store + "-movement/movement.svg"
        os.unlink(svg)
        result = run("gnuplot", "movement.gnuplot", cwd=store + "-movement")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertGreater(os.path.getsize(svg), 1000)

    def test_without_gnuplot(self):
        store = self.save("store")
        self.analyze(store)
        result = run(ANALYZE, store, env={**os.environ, "PATH": self.dir})
        self.assertEqual(result.returncode, 0)
        self.assertEqual(len(result.stderr.splitlines()), 1)
        self.assertIn("gnuplot is not installed", result.stderr)
        self.assertIn("apt-get install gnuplot-nox", result.stderr)
        self.assertEqual(sorted(os.listdir(store + "-movement")), [name for name in RESULTS if name not in PICTURES])

    def test_many_rois_none_measured_one_frame(self):
        store = self.save("store")
        self.analyze(store, *(f"--roi={i},{i % 20},16,16" for i in range(40)))
        flat = self.save("flat", "--format", "npy", source="test:frames=1,size=64x48,contrast=0")
        result = run(ANALYZE, flat)
        self.assertEqual(result.returncode, 0)
        self.assertIn("nothing could be measured", result.stdout)
        self.assertEqual(sorted(os.listdir(flat + "-movement")), RESULTS)


class Sequences(Analysis):
    """What is remembered from frame to frame, where templates come from, and how frames are prepared."""

    def worst(self, store, *options, since=0, output="results"):
        """The largest error in px of all rows that were measured, which must be all but those of missing frames."""
        self.analyze(store, *options, "--output", self.path(output))
        truth = self.truth(store)
        rows = self.rows(self.path(output))
        self.assertEqual({row["status"] for row in rows} - {"missing"}, {""})
        return max(math.hypot(float(row["x"]) - truth[int(row["frame_index"])][0] + truth[since][0],
                              float(row["y"]) - truth[int(row["frame_index"])][1] + truth[since][1])
                   for row in rows if row["status"] == "")

    def drift(self):
        """Moves by 1.6 px a frame, to the right and down."""
        return self.save("drift", "--format", "npy",
                         source="test:size=160x120,frames=40,motion=drift,amplitude=16,period=10,noise=1")

    def picture(self, store, index, name, roi=None):
        """Writes a frame of a store in npy format as an image."""
        height, width = self.info(store)["image_shape"]
        with open(os.path.join(store, "000000", f"{index:06d}.npy"), "rb") as file:
            pixels = file.read()[-width * height:]
        x, y, columns, rows = roi or (0, 0, width, height)
        path = self.path(name)
        with open(path, "wb") as file:
            file.write(b"P5 %d %d 255\n" % (columns, rows))
            for row in range(y, y + rows):
                file.write(pixels[row * width + x:row * width + x + columns])
        return path

    def test_follow(self):
        store = self.drift()
        place = ["--roi", "10,10,40,40", "--max-movement", "4"]
        self.assertLess(self.worst(store, *place, "--follow"), 0.05)
        self.assertLess(self.worst(store, *place, "--follow", "--renew", "5"), 0.2)
        settings = self.settings(self.path("results"))
        self.assertEqual(settings["renewals"], 7)
        self.assertEqual((settings["parameters"]["follow"], settings["parameters"]["renew_every"],
                          settings["parameters"]["search_again_px"]), (True, 5, 16))
        self.analyze(store, *place, "--output", self.path("kept"))
        self.assertIn("edge", {row["status"] for row in self.rows(self.path("kept"))})

    def test_previous(self):
        store = self.drift()
        place = ["--roi", "60,40,40,40", "--max-movement", "5", "--template", "previous"]
        self.assertLess(self.worst(store, *place), 0.2)
        self.assertLess(self.worst(store, *place, "--frames", "12:30", since=12), 0.2)
        template = self.settings(self.path("results"))["template"]
        self.assertEqual((template["source"], template["frame_index"]), ("previous", 12))

    def test_restart(self):
        """From frame 20 on the picture stands on its head: another one, that moves the other way."""
        drift = self.drift()
        folder = self.path("pictures")
        os.mkdir(folder)
        for i in range(40):
            path = self.picture(drift, i, f"pictures/{i:03}.pgm")
            if i >= 20:
                with open(path, "rb") as file:
                    head, pixels = file.read().split(b"255\n", 1)
                with open(path, "wb") as file:
                    file.write(head + b"255\n" + pixels[::-1])
        store = self.save("turned", "--format", "npy", source=folder)
        options = ["--roi", "60,40,40,40", "--max-movement", "5", "--min-score", "0.7", "--template", "previous"]
        result = run(ANALYZE, *options, store)
        self.assertEqual(result.returncode, 0)
        self.assertIn("ROI 0 from frame 20 on", result.stderr)
        self.assertIn("--restart N", result.stderr)
        said = self.analyze(store, *options, "--restart", "3")
        self.assertIn("gap 17", said)
        rows = self.rows(store + "-movement")
        self.assertEqual([row["status"] for row in rows[23:]], ["gap"] * 17)
        self.assertTrue({row["status"] for row in rows[20:23]} <= {"lost", "edge"})
        truth = self.truth(drift)
        for i in range(23, 40):
            moved = [truth[19][axis] - truth[0][axis] - (truth[i][axis] - truth[22][axis]) for axis in (0, 1)]
            self.assertLess(math.hypot(float(rows[i]["x"]) - moved[0], float(rows[i]["y"]) - moved[1]), 0.2)
        settings = self.settings(store + "-movement")
        self.assertEqual((settings["parameters"]["restart_after"], settings["rows"]["gap"]), (3, 17))
        for wrong in (["--restart", "3"], ["--restart", "3", "--template", "previous", "--follow"]):
            result = run(ANALYZE, *wrong, store)
            self.assertEqual(result.returncode, 2)
            self.assertIn("--restart", result.stderr)

    def test_previous_over_a_missing_frame(self):
        store = self.drift()
        os.unlink(os.path.join(store, "000000", "000017.npy"))
        self.assertLess(self.worst(store, "--roi", "60,40,40,40", "--max-movement", "5", "--template", "previous"), 0.2)
        self.assertEqual([int(row["frame_index"]) for row in self.rows(self.path("results")) if row["status"]], [17])

    def test_mean(self):
        store = self.save("store", "--format", "npy", source="test:size=96x80,frames=50,amplitude=2,noise=2")
        self.analyze(store, "--template", "mean")
        rows = self.rows(store + "-movement")
        # The mean of a circle lies in its middle: x = 2 sin p, y = 2 - 2 cos p, around 0, 2.
        self.assertLess(abs(sum(float(row["x"]) for row in rows)) / 50, 0.1)
        self.assertLess(abs(sum(float(row["y"]) for row in rows)) / 50, 0.1)
        self.assertEqual(self.settings(store + "-movement")["template"],
                         {"source": "mean", "frames": {"first": 0, "end": 50}})
        self.analyze(store, "--template", "mean:4:5", "--output", self.path("one"))
        self.analyze(store, "--template", "4", "--output", self.path("same"))
        self.assertEqual(self.rows(self.path("one")), self.rows(self.path("same")))

    def test_a_mean_that_motion_has_blurred_is_said(self):
        for amplitude, blurred in ((0, False), (1, False), (12, True)):
            store = self.save(f"store{amplitude}", "--format", "npy",
                              source=f"test:size=160x120,frames=50,amplitude={amplitude},noise=5")
            place = ["--roi", "40,30,32,32", "--roi", "70,50,40,40", "--template", "mean"]
            result = run(ANALYZE, "--json", *place, store)
            self.assertEqual(result.returncode, 0)
            said, kept = json.loads(result.stdout)["warnings"], self.settings(store + "-movement")["warnings"]
            self.assertEqual(said, kept)
            self.assertEqual(len(said), blurred)
            self.assertEqual(len(result.stderr.splitlines()), blurred)
            for text in said:
                self.assertIn("blurred by motion in 2 of 2 ROIs", text)
                self.assertIn(text, result.stderr)

    def test_file(self):
        store = self.drift()
        whole = self.picture(store, 7, "whole.pgm")
        part = self.picture(store, 7, "part.pgm", (60, 40, 40, 32))
        place = ["--roi", "60,40,40,32", "--max-movement", "14", "--frames", "0:15"]
        self.assertLess(self.worst(store, *place, "--template", whole, since=7), 0.05)
        self.assertEqual(self.settings(self.path("results"))["template"], {"source": "file", "file": whole})
        self.analyze(store, *place, "--template", "7", "--output", self.path("frame"))
        self.assertEqual(self.rows(self.path("results")), self.rows(self.path("frame")))
        self.assertLess(self.worst(store, *place, "--template", part, since=7), 0.1)
        self.assert_fails(run(ANALYZE, "--roi", "60,40,40,40", "--template", part, store), 1, "part.pgm", "40 x 32")
        self.assert_fails(run(ANALYZE, *place, "--background", "mean", "--template", part, store), 1, "background")
        text = self.write("text.txt", "no picture")
        self.assert_fails(run(ANALYZE, "--template", text, store), 1, "text.txt")

    def test_preparing(self):
        store = self.save("store", "--format", "npy", source="test:size=128x96,frames=30,amplitude=10,period=10")
        place = ["--roi", "40,20,48,48", "--max-movement", "22"]
        self.assertLess(self.worst(store, *place, "--blur", "1.5"), 0.1)
        for background in ("minimum", "mean", "median", "median:3:20"):
            self.analyze(store, *place, "--background", background, "--output", self.path(background))
            prepare = self.settings(self.path(background))["parameters"]["prepare"]
            self.assertEqual(prepare["background"]["what"], background.split(":")[0])
            self.assertEqual(prepare["background"]["frames"],
                             {"first": 3, "end": 20} if ":" in background else {"first": 0, "end": 30})
        # Ten frames later all is as it was, and so is the difference to the frame before.
        self.analyze(store, *place, "--difference", "--output", self.path("difference"))
        rows = self.rows(self.path("difference"))
        self.assertEqual([row["status"] for row in rows[:2]], ["missing", ""])
        for i in (1, 11, 21):
            self.assertLess(math.hypot(float(rows[i]["x"]), float(rows[i]["y"])), 0.01)
        self.assertEqual(self.settings(self.path("difference"))["template"]["frame_index"], 1)

    def test_threads_do_not_matter(self):
        store = self.drift()
        places = [option for i in range(6) for option in ("--roi", f"{4 + 20 * i},{8 + 5 * i},{30 + i},24")]
        for mode in (["--template", "previous"], ["--follow"], ["--follow", "--renew", "3", "--blur", "1"]):
            results = []
            for threads in ("1", "2", "5"):
                self.analyze(store, *places, *mode, "--max-movement", "4", "--threads", threads,
                             "--output", self.path(threads))
                results.append(self.rows(self.path(threads)))
            self.assertTrue(results[0] == results[1] == results[2], mode)


class Rois(Analysis):
    def groups(self, directory):
        with open(os.path.join(directory, "groups.csv"), encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def places(self, directory):
        return [(roi["x"], roi["y"], roi["width"], roi["height"], roi.get("group"))
                for roi in self.settings(directory)["rois"]]

    def test_shapes(self):
        """Each as the library's own tests know it; here only that options reach it with what they say."""
        store = self.save("store", "--format", "npy", source="test:frames=3,size=200x160")
        points = "144.775,84.493,116.306,121.942,56.307,90.766,70.586,45.944"
        for option, count, groups in (
                ("--roi-grid=a=10,20,150,100", 54, ["a"]),
                ("--roi-grid=a=10,20,150,100:step=1.5:block=16", 24, ["a"]),
                ("--roi-grid=a=10,20,150,100:block=24x10", 60, ["a"]),
                ("--roi-ellipse=a=10,20,150,100:block=12", 81, ["a"]),
                ("--roi-ellipse=a=10,20,150,100:block=12:ring=30", 52, ["a"]),
                ("--roi-line=a=20,20,150,90:block=12:distance=14", 30, ["a"]),
                (f"--roi-arc=a={points}:block=12", 21, ["a"]),
                (f"--roi-arc=a={points}:ring=25:block=12", 34, ["a"]),
                (f"--roi-radial=a={points}:block=12:ring=31.5:sectors=6", 40, [f"a-{i}" for i in range(1, 7)]),
                ("--roi-polygon=a=10,20,106,20,106,92,10,92:block=8", 108, ["a"])):
            self.analyze(store, option)
            settings = self.settings(store + "-movement")
            self.assertEqual((len(settings["rois"]), [group["group"] for group in settings["groups"]]),
                             (count, groups), option)

    def test_groups(self):
        store = self.save("store", "--format", "npy", source="test:frames=20,size=128x96")
        self.analyze(store, "--roi", "lid=4,4,16,16", "--roi-grid", "a b=24,24,48,32:block=16", "--roi-grid",
                     "other=80,60,32,16", "--max-movement", "3")
        rows, groups = self.rows(store + "-movement"), self.groups(store + "-movement")
        names = [roi.get("group") for roi in self.settings(store + "-movement")["rois"]]
        self.assertEqual(names, [None] + ["a b"] * 6 + ["other"] * 2)
        self.assertEqual([(int(row["frame_index"]), row["group"]) for row in groups],
                         [(i, name) for i in range(20) for name in ("a b", "other")])
        for row in groups:
            frame = int(row["frame_index"])
            moved = [(float(other["x"]), float(other["y"])) for other, name in zip(rows[9 * frame:], names)
                     if name == row["group"] and other["x"] != "nan"]
            self.assertEqual(int(row["measured"]), len(moved))
            if moved:
                mean = sum(math.hypot(*at) for at in moved) / len(moved)
                of_mean = math.hypot(*(sum(at) / len(moved) for at in zip(*moved)))
                self.assertAlmostEqual(float(row["mean_displacement"]), mean, places=9)
                self.assertAlmostEqual(float(row["displacement_of_mean"]), of_mean, places=9)
            else:
                self.assertEqual((row["mean_displacement"], row["displacement_of_mean"]), ("nan", "nan"))
        self.assertIn("movement-a b.svg", os.listdir(store + "-movement"))
        # What the run after it does not write does not stay.
        self.analyze(store)
        self.assertEqual(sorted(os.listdir(store + "-movement")), RESULTS)

    def test_none_measured(self):
        store = self.save("store", "--format", "npy", source="test:frames=2,size=64x48,contrast=0")
        result = run(ANALYZE, "--roi-grid", "g=0,0,64,48", store)
        self.assertEqual(result.returncode, 0)
        self.assertEqual([(row["mean_displacement"], row["displacement_of_mean"], row["measured"])
                          for row in self.groups(store + "-movement")], [("nan", "nan", "0")] * 2)

    def test_files(self):
        store = self.save("store", "--format", "npy")
        for ending in ("yaml", "csv"):
            path = self.path("rois." + ending)
            self.analyze(store, "--roi", "lid=1,2,20,16", "--roi-ellipse", "Ω=8,8,40,32:block=8", "--save-rois", path)
            before, rows = self.places(store + "-movement"), self.rows(store + "-movement")
            self.analyze(store, "--rois", path)
            self.assertEqual((self.places(store + "-movement"), self.rows(store + "-movement")), (before, rows))
            self.assertEqual(before[0], (1, 2, 20, 16, None))

    def test_blocks_that_leave_the_picture_are_said(self):
        store = self.save("store", "--format", "npy")
        result = run(ANALYZE, "--roi-grid", "g=-8,0,80,48:block=16", store)
        self.assertEqual(result.returncode, 0)
        self.assertEqual(len(result.stderr.splitlines()), 1)
        self.assertIn("6 of 15 blocks are left out", result.stderr)
        self.assertEqual(self.settings(store + "-movement")["blocks_outside"], 6)
        self.assertEqual(len(self.places(store + "-movement")), 9)

    def test_json(self):
        store = self.save("store", "--format", "npy", source="test:frames=20,size=128x96")
        result = run(ANALYZE, "--json", "--roi", "lid=4,4,32,32", "--roi-grid", "g=48,40,64,32:block=32", store)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        summary = json.loads(result.stdout)
        self.assertEqual(sorted(summary["files"]), sorted(os.listdir(summary["output"])))
        rows = [row for row in self.rows(store + "-movement") if row["x"] != "nan"]
        def rms(chosen):
            return math.sqrt(sum(float(row["x"]) ** 2 + float(row["y"]) ** 2 for row in chosen) / len(chosen))
        self.assertAlmostEqual(summary["rms"], rms(rows), places=9)
        self.assertEqual([roi["roi"] for roi in summary["rois"]], ["lid", 1, 2])
        for roi in summary["rois"]:
            own = [row for row in rows if row["roi"] == str(roi["roi"])]
            self.assertAlmostEqual(roi["rms"], rms(own), places=9)
            self.assertAlmostEqual(roi["largest"]["displacement"],
                                   max(math.hypot(float(row["x"]), float(row["y"])) for row in own), places=9)
        self.assertEqual([(group["group"], group["roi_count"]) for group in summary["groups"]], [("g", 2)])
        self.assertAlmostEqual(summary["groups"][0]["rms"], rms([row for row in rows if row["roi"] != "lid"]), places=9)
        self.assertEqual(sum(summary["rows"].values()), 60)
        with open(store + "-movement/quality.csv", encoding="utf-8", newline="") as file:
            quality = [row for row in csv.DictReader(file) if row["standard_error_x"] != "nan"]
        self.assertAlmostEqual(summary["quality"]["standard_error_x_rms"], math.sqrt(
            sum(float(row["standard_error_x"]) ** 2 for row in quality) / len(quality)), places=9)
        self.assertIsNone(summary["quality"]["standard_error_rotation_deg_rms"])
        self.assertEqual(summary["quality"]["score_min"], min(float(row["score"]) for row in rows))

    def test_names_that_are_parts_of_file_names(self):
        store = self.save("store", "--format", "npy", source="test:frames=3,size=128x96")
        names = ["it's", "$(id)", "`id`", "..", "-e", "a\\b", "50%d", "{Bold}_x"]
        self.analyze(store, *(f"--roi-grid={name}={8 * i},8,16,16" for i, name in enumerate(names)))
        for name in names:
            self.assertIn(f"movement-{name}.svg", os.listdir(store + "-movement"))


class Refusals(Analysis):
    def refused(self, code, *words, options=(), store="store"):
        self.assert_fails(run(ANALYZE, *options, self.path(store)), code, *words)
        self.assertEqual(sorted(os.listdir(self.dir)), self.before)

    def setUp(self):
        super().setUp()
        self.save("store")
        self.before = sorted(os.listdir(self.dir))

    def test_rois(self):
        self.refused(1, "ROI lid", "64 x 48", options=["--roi", "lid=50,0,20,20"])
        self.refused(1, "ROI 1", "64 x 48", options=["--roi", "0,0,20,20", "--roi", "0,-1,20,20"])
        self.refused(1, "4 x 4", options=["--roi", "0,0,3,20"])
        self.refused(2, "--roi", options=["--roi", "1,2,3"])
        self.refused(2, "--roi", options=["--roi", "=1,2,3,4"])
        self.refused(2, "--roi", options=["--roi", "1=1,2,3,4"])
        self.refused(2, "--roi", options=["--roi", "a,b=1,2,3,4"])
        self.refused(2, "--roi", options=["--roi", 'a"b=1,2,3,4'])
        self.refused(2, "--roi", options=["--roi", "1,2,3,99999999999"])
        self.refused(2, '"a"', options=["--roi", "a=1,2,8,8", "--roi", "a=1,2,9,9"])

    def test_shapes(self):
        for option, text in (("--roi-grid", "1,2,30,40"), ("--roi-grid", "g=1,2,30"), ("--roi-grid", "g=1,2,30,40.5"),
                             ("--roi-grid", "g=1,2,30,40:ring=4"), ("--roi-grid", "g=1,2,30,40:block=3"),
                             ("--roi-grid", "g=1,2,30,40:step=0"), ("--roi-ellipse", "g=1,2,30,40:ring=-1"),
                             ("--roi-line", "g=1,2,30,40:distance=x"), ("--roi-arc", "g=1,2,3,4,5"),
                             ("--roi-arc", "g=1,2,3,4,5,6,7"), ("--roi-radial", "g=1,2,30,4,5,60:sectors=0"),
                             ("--roi-polygon", "g=1,2,3,4"), ("--roi-polygon", "g=")):
            self.refused(2, option, text, "NAME=", options=[option, text])
        self.refused(1, "--roi-grid", "none of its 4 blocks", options=["--roi-grid", "g=90,2,32,32"])
        self.refused(1, "--roi-grid", "no block", options=["--roi-grid", "g=1,2,8,8"])
        self.refused(1, "--roi-grid", "slash", options=["--roi-grid", "a/b=1,2,32,32"])
        self.refused(1, "--roi-arc", "straight line", options=["--roi-arc", "g=1,1,2,2,3,3"])

    def test_roi_files(self):
        self.refused(1, "--rois", "none.yaml", options=["--rois", self.path("none.yaml")])
        self.refused(1, "--save-rois", ".csv", options=["--save-rois", self.path("rois.txt")])
        path = self.write("rois.csv", "x,y,width,height\n50,0,20,20\n")
        self.before = sorted(os.listdir(self.dir))
        self.refused(1, "ROI 0", "64 x 48", options=["--rois", path])
        self.write("rois.csv", "x,y,width\n50,0,20\n")
        self.refused(1, "rois.csv", "height", options=["--rois", path])

    def test_numbers(self):
        self.refused(1, "--template 30", "30 frames", options=["--template", "30"])
        self.refused(1, "--frames", "30 frames", options=["--frames", "0:31"])
        self.refused(1, "--frames", options=["--frames", "30:"])
        self.refused(1, "--frames", options=["--frames", "4:4"])
        self.refused(2, "--frames", options=["--frames", "5:4"])
        self.refused(2, "--template", options=["--template", "-1"])
        self.refused(2, "--max-movement", options=["--max-movement", "-1"])
        self.refused(2, "--min-score", options=["--min-score", "1.5"])
        self.refused(2, "--threads", options=["--threads", "x"])

    def test_sequences(self):
        self.refused(2, "--search-again", "--follow", options=["--search-again", "9"])
        self.refused(2, "--search-again", options=["--search-again", "3", "--follow", "--max-movement", "4"])
        self.refused(2, "--renew", options=["--renew", "0"])
        self.refused(2, "--renew", options=["--renew", "2", "--template", "previous"])
        self.refused(2, "--renew-below", "--min-score", options=["--renew-below", "0.4"])
        self.refused(2, "--blur", options=["--blur", "-1"])
        self.refused(2, "--background", "median", options=["--background", "maximum"])
        self.refused(2, "--background", options=["--background", "mean:5:4"])
        self.refused(1, "--background", "30 frames", options=["--background", "mean:5:40"])
        self.refused(2, "--template", "no such file", options=["--template", "nowhere.png"])
        self.refused(1, "--template", "30 frames", options=["--template", "mean:30:"])
        self.refused(1, "--template 0", options=["--template", "0", "--difference"])
        self.refused(2, "--difference", options=["--template", "mean", "--difference"])
        single = self.save("single", source="test:frames=1,size=64x48")
        self.before = sorted(os.listdir(self.dir))
        self.refused(1, "--difference", store=os.path.basename(single), options=["--difference"])

    def test_places(self):
        self.refused(1, "nowhere", store="nowhere")
        self.refused(1, "nowhere", options=["--output", self.path("nowhere/results")])
        self.write("file", "")
        self.before = sorted(os.listdir(self.dir))
        self.refused(1, "file", "no directory", options=["--output", self.path("file")])

    def test_help(self):
        result = run(ANALYZE, "--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertTrue(result.stdout.startswith("Example:"))
        for word in ("--roi", "--rois", "--roi-grid", "Shapes", "--json", "--template", "--max-movement", "--frames",
                     "--output", "--threads", "--min-score",
                     "--quiet", "--version", "Exit code"):
            self.assertIn(word, result.stdout)


class Interruption(Analysis):
    def test_rows_so_far_are_left(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            store = self.save(f"store{number}", source="test:frames=400,size=320x240")
            with subprocess.Popen([ANALYZE, "--threads", "1", store], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, encoding="utf-8") as process:
                part = store + "-movement/movement.csv.part"
                deadline = time.monotonic() + 30
                while not (os.path.exists(part) and os.path.getsize(part) > 0) and time.monotonic() < deadline:
                    time.sleep(0.002)
                process.send_signal(number)
                out, err = process.communicate(timeout=60)
            self.assertEqual((process.returncode, out), (1, ""))
            self.assertIn("interrupted", err)
            self.assertIn(part, err)
            self.assertEqual(sorted(os.listdir(store + "-movement")), ["movement.csv.part", "quality.csv.part"])
            with open(part, encoding="utf-8") as file:
                lines = file.read().splitlines()
            self.assertEqual(lines[0], HEADER)
            self.assertEqual([int(line.split(",")[0]) for line in lines[1:]], list(range(len(lines) - 1)))
            self.assertLess(len(lines), 400)
            # The next run finishes the work and leaves nothing of this one.
            self.analyze(store)
            self.assertEqual(sorted(os.listdir(store + "-movement")), RESULTS)

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_full_disk(self):
        store = self.save("store")
        os.mkdir(store + "-movement")
        os.symlink("/dev/full", store + "-movement/movement.csv.part")
        self.assert_fails(run(ANALYZE, store), 1, "movement.csv.part", "No space left on device")
        # The other table is whole.
        self.assertEqual(sorted(os.listdir(store + "-movement")), ["movement.csv.part", "quality.csv"])


toolkit.main()
