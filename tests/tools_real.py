"""A real clip (tests/data/real/cup.mp4: H.264, sound beside the picture, a creation time), from file to motion."""
import csv
import glob
import json
import os
import subprocess

import numpy as np

import toolkit
from toolkit import ANALYZE, SAVE, ToolTest, run

CUP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "real", "cup.mp4")
WIDTH, HEIGHT, FRAMES = 640, 480, 217
CREATED = 1504232628  # 2017-09-01T02:23:48Z


def decoded(pixel_format, channels):
    """The frames as FFmpeg's own program decodes them."""
    command = ["ffmpeg", "-v", "error", "-i", CUP, "-f", "rawvideo", "-pix_fmt", pixel_format, "-vsync", "passthrough", "-"]
    raw = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH, channels)


def times():
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "frame=pts_time", "-of", "json", CUP]
    frames = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)["frames"]
    return [float(frame["pts_time"]) for frame in frames]


class Real(ToolTest):
    def test_every_frame_with_its_time(self):
        info = self.info(self.save("store", source=CUP), "--frames")
        self.assertEqual((info["frame_count"], info["image_shape"]), (FRAMES, [HEIGHT, WIDTH, 3]))
        self.assertEqual(info["frame_number"], list(range(FRAMES)))
        np.testing.assert_allclose(info["frame_time"], np.array(times()) + CREATED, rtol=0, atol=2e-6)

    def test_pixels(self):
        for options, pixel_format, channels in (([], "bgr24", 3), (["--gray"], "gray", 1)):
            store = self.save(pixel_format, "--format", "npy", *options, source=CUP)
            frames = sorted(glob.glob(store + "/0*/0*.npy"))
            self.assertEqual(len(frames), FRAMES)
            for path, expected in zip(frames, decoded(pixel_format, channels)):
                self.assertTrue(np.array_equal(np.load(path).reshape(expected.shape), expected), path)

    def test_motion(self):
        """The wall has too little texture to be found, which is said; the lid moves."""
        store = self.save("store", source=CUP)
        result = run(ANALYZE, "--roi", "wall=20,20,120,100", "--roi", "lid=300,118,120,50", "--frames", "0:45", store)
        self.assertEqual(result.returncode, 0)
        self.assertIn("wall", result.stderr)
        with open(store + "-movement/movement.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual({row["status"] for row in rows if row["roi"] == "wall"}, {"flat"})
        lid = [float(row["x"]) for row in rows if row["roi"] == "lid"]
        self.assertGreater(max(lid) - min(lid), 10)


if __name__ == "__main__":
    toolkit.main()
