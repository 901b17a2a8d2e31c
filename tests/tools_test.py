"""imgstore-test: sound here, and it finds out a decoder that is not."""
import os

import toolkit
from toolkit import ToolTest, run

TEST = os.environ["IMGSTORE_TEST"]
LYING = os.environ["IMGSTORE_TEST_LYING"]
QUICK = ["--size", "256x96", "--frames", "12"]


class Test(ToolTest):
    def test_this_machine_is_sound(self):
        result = run(TEST, *QUICK, "--directory", self.dir)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("Everything tried is sound.", result.stdout)
        for name in ("avc1/mp4", "mjpeg/avi", "ffv1/mkv", "npy", "pgm", "ppm"):
            self.assertIn("\n" + name + " ", result.stdout)
        self.assertNotIn("FAILED", result.stdout)
        self.assertEqual(os.listdir(self.dir), [])

    def lie(self, kind, format, words):
        result = run(LYING, *QUICK, "--format", format, env={**os.environ, "LIE": kind})
        self.assertIn(words, result.stdout)
        self.assertEqual(result.returncode, 1)

    def test_lies_are_found_out(self):
        self.lie("neighbour", "avc1/mp4", "reads gave another frame")
        self.lie("time", "avc1/mp4", "reads gave another frame")
        self.lie("levels", "avc1/mp4", "gray levels are off")
        self.lie("sample", "npy", "samples were altered")

    def test_only_the_default_format_decides(self):
        result = run(LYING, *QUICK, env={**os.environ, "LIE": "sample"})
        self.assertIn("formats failed: do not record with them here.", result.stdout)  # at quality 100 every sample is promised
        self.assertEqual(result.returncode, 1)

    def test_bad_input(self):
        self.assert_fails(run(TEST, "--format", "xyz"), 2, '"xyz"')
        self.assert_fails(run(TEST, "--size", "3x3"), 2, "3x3")
        self.assert_fails(run(TEST, "--directory", "/nowhere"), 1, "/nowhere: No such file")
        self.assert_fails(run(TEST, "more"), 2, "more")


toolkit.main()
