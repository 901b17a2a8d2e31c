"""imgstore-edit, and imgstore-save --encoding: what it does, and what Python finds of it afterwards."""
import os

import numpy as np
import toolkit
from toolkit import SAVE, ToolTest, run

EDIT = os.environ.get("IMGSTORE_EDIT", "imgstore-edit")


class Edit(ToolTest):
    def edit(self, *arguments):
        result = run(EDIT, *arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout

    def test_reindex(self):
        store = self.save("store", "--chunksize", "20")
        for _ in range(2):  # twice is once
            self.edit(store, "reindex", "8")
            numbers, before = [], []
            for chunk in (0, 1):
                with np.load(os.path.join(store, f"{chunk:06d}.npz")) as npz:
                    numbers += npz["frame_number"].tolist()
                    before += npz["_frame_number_before_reindex"].tolist()
            self.assertEqual(numbers, list(range(-8, 22)))
            self.assertEqual(before, list(range(30)))

    def test_reindex_below_0(self):
        store = self.save("store")
        for first, *order in ((-8, store, "reindex", "8"), (-5, "--quiet", store, "reindex", "-3"),
                              (-7, store, "reindex", "2", "--quiet"), (-1, store, "--quiet", "reindex", "--", "-6")):
            self.edit(*order)
            with np.load(os.path.join(store, "000000.npz")) as npz:
                self.assertEqual(npz["frame_number"][0], first)
        for option in ("-x", "-", "-x8", "--8"):
            result = run(EDIT, store, "reindex", option)
            self.assert_fails(result, 2, f'"{option}"' if option == "-" else option)

    def test_insert_and_empty(self):
        store = self.save("store")
        clip = self.clip("clip.mp4", "-pix_fmt", "yuv420p", frames=5, size="64x48")
        frames = self.write("clip.csv", "number,time\n" + "".join(f"{70 + i},{i / 8}\n" for i in range(5)))
        self.assertIn("5 frames", self.edit("--move", store, "insert", clip, frames))
        self.assertFalse(os.path.exists(clip))
        self.assertEqual(sorted(os.listdir(store)), sorted([
            ".index.sqlite", "000000.extra.json", "000000.mp4", "000000.npz", "000001.mp4", "000001.npz",
            "metadata.yaml"]))
        self.assert_fails(run(EDIT, store, "empty"), 1, "--yes")
        self.edit(store, "empty", "--yes")
        self.assertEqual(sorted(os.listdir(store)), [".index.sqlite", "metadata.yaml"])

    def test_save_index(self):
        store = self.save("store", "--format", "npy")
        os.remove(os.path.join(store, ".index.sqlite"))
        self.assertIn("30 frames", self.edit(store, "save-index"))
        self.assertTrue(os.path.exists(os.path.join(store, ".index.sqlite")))

    def test_mistakes(self):
        store = self.save("store")
        self.assert_fails(run(EDIT, store, "shrink"), 2, "shrink", "--help")
        self.assert_fails(run(EDIT, store, "reindex"), 2, "number")
        self.assert_fails(run(EDIT, store, "reindex", "x"), 2, '"x"')
        self.assert_fails(run(EDIT, store, "reindex", "500"), 1, "500")
        self.assert_fails(run(EDIT, self.path("none"), "save-index"), 1, "none")
        frames = self.write("bad.csv", "number,time\n1,2\n3;4\n")
        self.assert_fails(run(EDIT, store, "insert", "clip.mp4", frames), 1, "line 3")


class Encoding(ToolTest):
    def test_raw_and_decoded(self):
        self.save("raw", "--format", "npy", "--encoding", "cv_bayerbg")
        self.save("color", "--format", "npy+color", "--encoding", "cv_bayerbg")
        raw = np.load(self.path("raw/000000/000003.npy"))
        color = np.load(self.path("color/000000/000003.npy"))
        self.assertEqual((raw.shape, color.shape), ((48, 64), (48, 64, 3)))
        # The first pixel that is not at the border lies behind a blue filter.
        self.assertEqual(raw[1, 1], color[1, 1, 0])
        for store, line in (("raw", "encoding: 'cv_bayerbg'"), ("color", "encoding: null")):
            with open(self.path(f"{store}/metadata.yaml"), encoding="utf-8") as file:
                self.assertIn(line, file.read())

    def test_mistakes(self):
        source = ["--source", "test:frames=3", self.path("store")]
        self.assert_fails(run(SAVE, "--format", "npy+color", *source), 2, "--encoding")
        self.assert_fails(run(SAVE, "--encoding", "cv_nonsense", *source), 1, "cv_nonsense")
        self.assertEqual(os.listdir(self.dir), [])


toolkit.main()
