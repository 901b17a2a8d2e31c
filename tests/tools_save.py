"""imgstore-save: what it keeps, what it says, how it stops."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import time

import numpy as np

import toolkit
from toolkit import FORMATS, INFO, SAVE, ToolTest, run

SUMMARY = re.compile(r"^(\d+) frames kept, (\d+) dropped, (\d+) lost; ([\d.]+) s, .* in (.*)\n$")


class Record(ToolTest):
    def test_summary(self):
        for form in FORMATS:
            path = self.path(form.replace("/", "-"))
            result = run(SAVE, "--source", "test:frames=60,rate=20", "--format", form, path)
            kept, dropped, lost, seconds, where = SUMMARY.match(result.stdout).groups()
            self.assertEqual((kept, dropped, lost, seconds, where), ("60", "0", "0", "2.950", path))
            info = self.info(path)
            self.assertEqual((info["format"], info["frame_count"], info["unfinished"]), (form, 60, False))

    def test_chunks(self):
        info = self.info(self.save("store", "--chunksize", "7", "--format", "npy"))
        self.assertEqual((info["chunks"], info["chunksize"], info["frame_count"]), ([0, 1, 2, 3, 4], 7, 30))

    def test_frames_and_duration(self):
        source = "test:rate=25,size=64x48"
        self.assertEqual(self.info(self.save("a", "--frames", "1", source=source))["frame_count"], 1)
        self.assertEqual(self.info(self.save("b", "--frames", "40", source=source))["frame_count"], 40)
        # 25 frames of 0.04 s fill one second; the frame at 1.00 s is the first one behind it.
        self.assertEqual(self.info(self.save("c", "--duration", "1", source=source))["frame_count"], 25)
        self.assertEqual(self.info(self.save("d", "--duration", "1.01", source=source))["frame_count"], 26)
        both = self.save("e", "--duration", "1", "--frames", "10", source=source)
        self.assertEqual(self.info(both)["frame_count"], 10)

    def test_gray(self):
        source = "test:frames=3,color=1,size=64x48"
        self.assertEqual(self.info(self.save("colour", source=source))["image_shape"], [48, 64, 3])
        self.assertEqual(self.info(self.save("gray", "--gray", source=source))["image_shape"], [48, 64])

    def test_extra_data_of_the_source(self):
        extra = self.info(self.save("store"), "--extra")["extra_data"]
        self.assertEqual(len(extra), 30)
        self.assertEqual([row["frame_index"] for row in extra], list(range(30)))
        self.assertIn("motion_x", extra[7])

    def test_frames_before_a_failure_are_counted(self):
        for sound, words in enumerate(("the 0 frames before are safe", "the 1 frame before is safe",
                                       "the 2 frames before are safe")):
            folder = self.path(f"folder{sound}")
            os.mkdir(folder)
            for i in range(sound + 1):
                with open(os.path.join(folder, f"{i}.pgm"), "wb") as file:
                    file.write(b"P5 64 48 65535\n" + (b"\1\0" if i < sound else b"\xff\0") * (64 * 48))
            result = run(SAVE, "--source", folder, "--format", "ffv1/mkv", "--encoder-options", "pixel_format=gray12le",
                         self.path(f"store{sound}"))
            self.assert_fails(result, 1, "a sample of 65280 does not fit", words)

    def test_16_bits_choose_tif_and_say_so(self):
        result = run(SAVE, "--source", "test:frames=3,depth=16", self.path("store"))
        self.assertEqual(result.returncode, 0)
        self.assertEqual(len(result.stderr.splitlines()), 1)
        self.assertIn("tif", result.stderr)
        info = self.info(self.path("store"))
        self.assertEqual((info["format"], info["dtype"], info["lossless"]), ("tif", "uint16", True))
        quiet = run(SAVE, "--quiet", "--source", "test:frames=3,depth=16", self.path("quiet"))
        self.assertEqual((quiet.returncode, quiet.stderr), (0, ""))

    def test_odd_sizes(self):
        source = "test:frames=3,size=65x49"
        for form, shape, notes in (("avc1/mp4", [48, 64], 1), ("mjpeg/avi", [48, 64], 1), ("npy", [49, 65], 0),
                                   ("tif", [49, 65], 0)):
            path = self.path(form.replace("/", "-"))
            result = run(SAVE, "--source", source, "--format", form, path)
            self.assertEqual(result.returncode, 0)
            self.assertEqual(len(result.stderr.splitlines()), notes, result.stderr)
            self.assertEqual(self.info(path)["image_shape"], shape)

    def test_every_frame_of_a_clip(self):
        clip = self.clip("clip.mp4", "-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p", frames=73)
        info = self.info(self.save("store", source=clip), "--frames")
        self.assertEqual(info["frame_number"], list(range(73)))
        self.assertAlmostEqual(info["frame_time"][72] - info["frame_time"][0], 72 / 25, places=6)

    def test_pixels_are_those_of_ffmpeg(self):
        """npy holds bit for bit what FFmpeg's own program decodes, in colour and in gray."""
        for encoding, pixels, shape in ((["-c:v", "mpeg4", "-q:v", "4"], "bgr24", [96, 128, 3]),
                                        (["-c:v", "libx264", "-pix_fmt", "yuv420p"], "bgr24", [96, 128, 3]),
                                        (["-c:v", "ffv1", "-pix_fmt", "gray"], "gray", [96, 128])):
            clip = self.clip("clip.mkv", "-y", *encoding, frames=23)
            store = self.save("store", "--format", "npy", source=clip)
            self.assertEqual(self.info(store)["image_shape"], shape)
            wanted = subprocess.run(["ffmpeg", "-v", "error", "-i", clip, "-f", "rawvideo", "-pix_fmt", pixels, "-"],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout
            names = sorted(glob.glob(os.path.join(store, "000000", "*.npy")))
            self.assertEqual(b"".join(np.load(name).tobytes() for name in names), wanted)
            shutil.rmtree(store)

    def test_quality(self):
        sizes = []
        for quality in ("10", "50", "90"):
            path = self.save("q" + quality, "--quality", quality, "--format", "mjpeg/avi", source="test:frames=20,noise=9")
            sizes.append(os.path.getsize(os.path.join(path, "000000.avi")))
        self.assertEqual(sizes, sorted(sizes))
        self.assertLess(sizes[0] * 2, sizes[2])


class Metadata(ToolTest):
    def metadata(self, *options):
        self.count = getattr(self, "count", 0) + 1
        return self.info(self.save(f"store{self.count}", *options))["user_metadata"]

    def test_values_are_yaml(self):
        given = {"genotype=w1118; +/+": "w1118; +/+", "n=12": 12, "rate=25.5": 25.5, "on=yes": True, "off=false": False,
                 "none=null": None, "empty=": None, "list=[1, two, [3.5]]": [1, "two", [3.5]], "map={a: 1}": {"a": 1},
                 "text='12'": "12", "equals=a=b": "a=b", "Grüße=μ": "μ", "exponent=1e-7": "1e-7", "small=1.0e-07": 1e-7,
                 "exact=0.1": 0.1, "time=12:30": 750, "octal=0755": 493, "big=9007199254740993": 9007199254740993}
        options = [part for text in given for part in ("--metadata", text)]
        self.assertEqual(self.metadata(*options), {text.split("=")[0]: value for text, value in given.items()})

    def test_file_and_later_options(self):
        file = self.write("meta.yaml", "genotype: wild\nnested:\n  list: [1, 2]\nn: 1\n")
        found = self.metadata("--metadata", "n=2", "--metadata-file", file, "--metadata", "n=3")
        self.assertEqual(found, {"genotype": "wild", "nested": {"list": [1, 2]}, "n": 3})

    def test_none(self):
        self.assertEqual(self.metadata(), {})
        self.assertEqual(self.metadata("--metadata-file", self.write("empty.yaml", "# nothing\n")), {})

    def test_timezone(self):
        store = self.save("store", "--timezone", "Europe/Berlin")
        self.assertEqual(self.info(store)["created"][1], "Europe/Berlin")


class Stop(ToolTest):
    def start(self, *options, stdin=subprocess.DEVNULL):
        # The tests may run under nohup, and a SIGHUP that is ignored stays ignored.
        return subprocess.Popen([SAVE, *options, self.path("store")], stdin=stdin, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, encoding="utf-8",
                                preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))

    def wait_for_frames(self, count):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            result = run(INFO, "--json", self.path("store"))
            if result.returncode == 0 and json.loads(result.stdout)["frame_count"] >= count:
                return
            time.sleep(0.02)
        self.fail("the recording does not get on")

    def wait_until_caught(self, process, number):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with open(f"/proc/{process.pid}/status", encoding="utf-8") as file:
                caught = next(line for line in file if line.startswith("SigCgt:"))
            if int(caught.split()[1], 16) & 1 << number - 1:
                return
            time.sleep(0.01)
        self.fail("the signal is not caught")

    def check_finished(self, process):
        output, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, errors), (0, ""))
        info = self.info(self.path("store"), "--frames")
        self.assertFalse(info["unfinished"])
        self.assertEqual(int(SUMMARY.match(output).group(1)), info["frame_count"])
        self.assertEqual(info["frame_number"], list(range(info["frame_count"])))

    def test_signals_finish_the_store(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for form in FORMATS:
                with self.subTest(signal=number.name, format=form):
                    process = self.start("--source", "test:size=64x48", "--format", form, "--chunksize", "50")
                    self.wait_for_frames(60)
                    process.send_signal(number)
                    self.check_finished(process)
                    shutil.rmtree(self.path("store"))

    def test_a_source_that_has_stopped_talking(self):
        clip = self.clip("clip.mkv", "-c:v", "ffv1", frames=100)
        with open(clip, "rb") as file:
            part = file.read()[: os.path.getsize(clip) // 2]
        process = self.start("--source", "-", stdin=subprocess.PIPE)
        process.stdin.buffer.write(part)
        process.stdin.flush()
        self.wait_for_frames(10)
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, errors), (0, ""))
        self.assertEqual(int(SUMMARY.match(output).group(1)), self.info(self.path("store"))["frame_count"])

    def test_stopped_before_the_first_frame(self):
        process = self.start("--source", "-", stdin=subprocess.PIPE)
        self.wait_until_caught(process, signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, output), (1, ""))
        self.assertEqual(errors, "imgstore-save: stopped before the first frame; no store was written\n")
        self.assertEqual(os.listdir(self.dir), [])


toolkit.main()
