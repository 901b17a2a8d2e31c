"""imgstore-save from cameras: a screen, Aravis' simulated camera, raw pixels on standard input; and the list of them."""
import json
import os
import shutil
import subprocess
import time
import unittest

import numpy

import toolkit
from toolkit import SAVE, ToolTest, run

HAS_ARAVIS = os.environ.get("WITH_ARAVIS") == "1"
FAKE = "aravis:Fake_1"


class Screen(ToolTest):
    """A screen is a real live device: its frames come by the clock."""

    def setUp(self):
        super().setUp()
        if not shutil.which("Xvfb"):
            self.skipTest("Xvfb is missing")
        read, write = os.pipe()
        self.server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "320x240x24"],
                                       pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write)
        self.addCleanup(self.server.wait)
        self.addCleanup(self.server.terminate)
        with os.fdopen(read) as pipe:
            self.display = f"x11::{pipe.readline().strip()}"

    def test_screen(self):
        begin = time.time()
        store = self.save("store", "--camera", "size=160x120", "--camera", "rate=25", "--frames", "25",
                          source=self.display)
        info = self.info(store, "--frames")
        self.assertEqual(info["image_shape"], [120, 160, 3])
        self.assertEqual(info["frame_count"], 25)
        self.assertGreater(info["frame_time"][0], begin - 1)
        self.assertLess(info["frame_time"][-1], time.time() + 1)
        self.assertAlmostEqual(info["frame_time"][-1] - info["frame_time"][0], 24 / 25, delta=0.5)

    def test_bad_settings(self):
        self.assert_fails(run(SAVE, "--source", self.display, "--camera", "focus=3", self.path("store")), 1, "focus")
        self.assert_fails(run(SAVE, "--source", self.display, "--camera", "size=9999x9999", self.path("store")), 1,
                          "9999")
        self.assert_fails(run(SAVE, "--source", "x11::99999", self.path("store")), 1, "x11::99999")
        self.assertEqual(os.listdir(self.dir), [])


@unittest.skipUnless(HAS_ARAVIS, "built without Aravis")
class GenICam(ToolTest):
    def test_recorded(self):
        result = run(SAVE, "--source", FAKE, "--camera", "rate=200", "--camera", "size=64x48", "--frames", "200",
                     "--format", "npy", self.path("store"))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("pictures came whole, 0 not", result.stdout)
        info = self.info(self.path("store"), "--frames")
        self.assertEqual(info["image_shape"], [48, 64])
        self.assertEqual(numpy.diff(info["frame_number"]).tolist(), [1] * 199)  # across the end of 16 bits
        self.assertGreater(min(numpy.diff(info["frame_time"])), 0)

    def test_filter_of_colours(self):
        raw = run(SAVE, "--source", FAKE, "--camera", "format=BayerRG8", "--frames", "3", self.path("raw"))
        self.assertEqual(raw.returncode, 0)
        self.assertIn("kept with encoding cv_bayerbg", raw.stderr)
        self.assertEqual(self.info(self.path("raw"))["encoding"], "cv_bayerbg")
        store = self.save("decoded", "--camera", "format=BayerRG8", "--frames", "3", "--format", "png+color",
                          source=FAKE)
        info = self.info(store)
        self.assertEqual((info["image_shape"], info["encoding"]), ([512, 512, 3], None))

    def test_bad_settings(self):
        for setting, words in (("Foo=1", ["Foo", "DeviceModelName"]), ("format=Foo", ["BayerRG8", "Mono8"]),
                               ("size=wide", ["WIDTHxHEIGHT"]), ("rate", ["KEY=VALUE"])):
            self.assert_fails(run(SAVE, "--source", FAKE, "--camera", setting, self.path("store")), 1, FAKE, *words)
        self.assert_fails(run(SAVE, "--source", "aravis:Nobody", self.path("store")), 1, "Nobody")
        self.assertEqual(os.listdir(self.dir), [])

    def test_not_installed(self):
        """An empty file stands in its place, which cannot be loaded: only who asks for such a camera is told."""
        environment = dict(os.environ, LD_LIBRARY_PATH=self.dir)
        self.write("libaravis-0.8.so.0", "")
        self.assert_fails(run(SAVE, "--source", FAKE, self.path("store"), env=environment), 1, FAKE,
                          "libaravis-0.8.so.0", "the package libaravis-0.8-0")
        self.assertEqual(run(SAVE, "--list-sources", env=environment).returncode, 0)


class Others(ToolTest):
    def test_list(self):
        result = run(SAVE, "--list-sources", "--json")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        cameras = json.loads(result.stdout)
        for camera in cameras:
            self.assertEqual(set(camera), {"source", "name", "modes"})
        lines = run(SAVE, "--list-sources")
        self.assertEqual(lines.returncode, 0)
        for camera in cameras:
            self.assertIn(camera["source"], lines.stdout)
        if not cameras:
            self.assertEqual(lines.stdout, "")
            self.assertIn("there is no camera", lines.stderr)
            self.assert_fails(run(SAVE, self.path("store")), 1, "there is no camera", "--source")

    def test_no_such_camera(self):
        for source in ("/dev/video63", "63", "v4l2:63", "v4l2:/dev/video63"):
            self.assert_fails(run(SAVE, "--source", source, self.path("store")), 1, "/dev/video63")
        self.assert_fails(run(SAVE), 2, "an argument is missing")

    def save_bytes(self, data, *options):
        result = subprocess.run([SAVE, "--source", "-", *options, "--format", "npy", self.path("store")], input=data,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertEqual((result.returncode, result.stderr.decode()), (0, ""))
        return self.info(self.path("store"), "--frames")

    def test_raw_on_standard_input(self):
        pixels = numpy.random.default_rng(1).integers(0, 256, (8, 60, 80), dtype=numpy.uint8)
        info = self.save_bytes(pixels.tobytes(), "--camera", "size=80x60", "--camera", "format=gray", "--camera",
                               "rate=10")
        self.assertEqual((info["image_shape"], info["frame_count"]), ([60, 80], 8))
        self.assertAlmostEqual(info["frame_time"][7] - info["frame_time"][0], 0.7)
        for i in range(8):
            stored = numpy.load(os.path.join(self.path("store"), "000000", f"{i:06d}.npy"))
            self.assertTrue((stored == pixels[i]).all())

    def test_y4m_on_standard_input(self):
        clip = self.clip("clip.y4m", "-pix_fmt", "gray", "-strict", "-1", frames=5, size="64x48")
        with open(clip, "rb") as file:
            info = self.save_bytes(file.read())
        self.assertEqual((info["image_shape"], info["frame_count"]), ([48, 64], 5))


toolkit.main()
