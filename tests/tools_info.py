"""imgstore-info: as JSON, as text, and nothing in the store changed."""
import datetime
import json
import os
import re
import unittest
import zoneinfo

import toolkit
from toolkit import INFO, ToolTest, run

KEYS = {"path", "class", "version", "format", "image_shape", "dtype", "encoding", "lossless", "uuid", "created",
        "unfinished", "chunksize", "chunks", "frame_count", "frame_min", "frame_max", "frame_time_min", "frame_time_max",
        "duration", "created_local", "dropped", "removed", "problems", "user_metadata",
        "user_metadata_changed"}


def listing(directory):
    return sorted((path, sorted(files), [os.path.getmtime(os.path.join(path, name)) for name in sorted(files)])
                  for path, _, files in os.walk(directory))


class Info(ToolTest):
    def test_json(self):
        store = self.save("store", "--chunksize", "12", "--metadata", "n=1", source="test:frames=30,size=64x48,rate=30")
        info = self.info(store)
        self.assertEqual(set(info), KEYS)
        self.assertEqual(info["path"], store)
        self.assertEqual(info["class"], "VideoImgStore")
        self.assertEqual(info["version"], 2)
        self.assertEqual(info["image_shape"], [48, 64])
        self.assertEqual(info["dtype"], "uint8")
        self.assertIsNone(info["encoding"])
        self.assertRegex(info["uuid"], "^[0-9a-f]{32}$")
        self.assertRegex(info["created"][0], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$")
        self.assertEqual(info["chunks"], [0, 1, 2])
        self.assertEqual((info["frame_min"], info["frame_max"]), (0, 29))
        self.assertEqual(info["duration"], info["frame_time_max"] - info["frame_time_min"])
        self.assertEqual(info["user_metadata"], {"n": 1})

    def test_the_path_of_the_metadata_serves_as_well(self):
        store = self.save("store")
        self.assertEqual(self.info(os.path.join(store, "metadata.yaml")), self.info(store))

    def test_edited_metadata(self):
        """The user's part may be edited, which is said; the store's part only where its checksum is taken out."""
        store = self.save("store", "--metadata", "dose=1")
        path = os.path.join(store, "metadata.yaml")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertFalse(self.info(store)["user_metadata_changed"])
        self.write(path, text.replace("dose: 1", "dose: 9"))
        info = self.info(store)
        self.assertEqual((info["user_metadata"], info["user_metadata_changed"]), ({"dose": 9}, True))
        self.assertIn("metadata  (not as recorded", run(INFO, store).stdout)
        zone = re.search("timezone_local: .*", text).group()
        edited = text.replace(zone, "timezone_local: 'Asia/Tokyo'")
        self.write(path, edited)
        self.assert_fails(run(INFO, store), 1, "metadata.yaml", "edited", "remove its line 'checksum'")
        self.write(path, re.sub(" *checksum: .*\n", "", edited))
        self.assertEqual(self.info(store)["created"][1], "Asia/Tokyo")

    @unittest.skipUnless(os.environ.get("HDF5_SONAME"), "built without HDF5")
    def test_hdf5_is_not_installed(self):
        """An empty file stands in its place, which cannot be loaded: only who reads such extra data is told."""
        foreign = os.path.join(os.path.dirname(__file__), "data", "foreign")
        self.write(os.environ["HDF5_SONAME"], "")
        environment = dict(os.environ, LD_LIBRARY_PATH=self.dir)
        lines = run(INFO, os.path.join(foreign, "motif-h5"), env=environment).stdout.splitlines()
        self.assertIn("the extra data are left out", lines[-1])
        self.assertIn("the package libhdf5", lines[-1])
        other = run(INFO, os.path.join(foreign, "gray-of-png"), env=environment)
        self.assertEqual((other.returncode, other.stderr), (0, ""))

    def test_lists(self):
        store = self.save("store", source="test:frames=30,size=64x48,rate=30")
        info = self.info(store, "--frames", "--extra")
        self.assertEqual(set(info), KEYS | {"frame_number", "frame_time", "extra_data"})
        self.assertEqual(info["frame_number"], list(range(30)))
        # JSON and CSV give the same doubles, and these are the ones that a double can hold.
        text = run(INFO, "--frames", store).stdout.splitlines()
        self.assertEqual(text[0], "frame_index,frame_number,frame_time")
        self.assertEqual([float(line.split(",")[2]) for line in text[1:]], info["frame_time"])
        for got, wanted in zip(info["frame_time"], range(30)):
            self.assertAlmostEqual(got - info["frame_time"][0], wanted / 30, places=6)
        lines = run(INFO, "--extra", store).stdout.splitlines()
        self.assertEqual([json.loads(line) for line in lines], info["extra_data"])

    def test_no_extra_data_is_null(self):
        store = self.save("store", source=self.clip("clip.avi", "-c:v", "ffv1", frames=5))
        self.assertIsNone(self.info(store, "--extra")["extra_data"])
        self.assertEqual(run(INFO, "--extra", store).stdout, "")

    def test_text(self):
        store = self.save("store", "--metadata", "genotype=w1118", source="test:frames=30,size=64x48,rate=30")
        result = run(INFO, store)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for words in ("avc1/mp4", "64 x 48 px", "30 in 1 chunk", "genotype", "w1118", "30.000 frames/s"):
            self.assertIn(words, result.stdout)
        self.assertTrue(re.search(r"^uuid +[0-9a-f]{32}$", result.stdout, re.MULTILINE))

    def test_created_at_the_place_of_recording(self):
        store = self.save("store", "--timezone", "Asia/Kolkata")
        info = self.info(store)
        utc, zone = info["created"]
        self.assertEqual(zone, "Asia/Kolkata")
        local = datetime.datetime.fromisoformat(utc).astimezone(zoneinfo.ZoneInfo(zone))
        self.assertEqual(info["created_local"], local.isoformat(timespec="microseconds"))
        self.assertIn(f"created   {info['created_local']}, {zone}\n", run(INFO, store).stdout)

    def test_problems(self):
        store = self.save("store", "--chunksize", "10", source="test:frames=50,size=64x48")
        self.assertEqual(self.info(store)["problems"], [])
        self.assertNotIn("problem", run(INFO, store).stdout)
        os.remove(os.path.join(store, "000001.mp4"))
        problem, = self.info(store)["problems"]
        self.assertEqual((problem["kind"], problem["chunk"], problem["chunk_count"]), ("no pixels", 1, 1))
        self.assertEqual((problem["first_index"], problem["frame_count"]), (10, 10))
        self.assertIn(f"\nproblem   {problem['text']}\n", run(INFO, store).stdout)
        os.remove(os.path.join(store, ".index.sqlite"))
        for name in ("000001.npz", "000002.mp4", "000002.npz", "000003.npz"):
            os.remove(os.path.join(store, name))
        problems = self.info(store)["problems"]
        self.assertEqual([(p["kind"], p["chunk"], p["chunk_count"]) for p in problems],
                         [("chunk missing", 1, 2), ("no index", 3, 1)])
        lines = [line for line in run(INFO, store).stdout.splitlines() if line.startswith("problem")]
        self.assertEqual(lines, ["problem   " + p["text"] for p in problems])

    def test_nothing_changes(self):
        store = self.save("store", "--chunksize", "10")
        before = listing(store)
        self.info(store, "--frames", "--extra")
        self.assertEqual(listing(store), before)


toolkit.main()
