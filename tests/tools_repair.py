"""imgstore-repair: what it says of damaged frames, however often it is asked."""
import os
import sqlite3

import toolkit
from toolkit import INFO, ToolTest, run

REPAIR = os.environ.get("IMGSTORE_REPAIR", "imgstore-repair")
DAMAGED = "cannot be read any more, as what is on the disk is not what was recorded"


class Repair(ToolTest):
    def damage(self, path):
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) // 2)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))

    def assert_says(self, result, exit_code, stdout, stderr):
        self.assertEqual((result.returncode, result.stdout, result.stderr), (exit_code, stdout, stderr))

    def test_sound_stores(self):
        for form in toolkit.FORMATS + ["h264/mkv"]:
            with self.subTest(form):
                store = self.save(form.replace("/", "-"), "--format", form, "--chunksize", "12")
                self.assert_says(run(REPAIR, store), 0, f"{store}: is whole, nothing to repair\n", "")
                self.assert_says(run(REPAIR, "--quick", store), 0, f"{store}: nothing to repair\n", "")
                self.assert_says(run(REPAIR, "--quiet", store), 0, "", "")

    def test_damage_is_said_each_time(self):
        store = self.save("store", "--format", "npy", "--chunksize", "10")
        for frame in (3, 14, 15, 16, 29):
            self.damage(f"{store}/{frame // 10:06d}/{frame % 10:06d}.npy")
        line = f"imgstore-repair: {store}: 5 frames {DAMAGED}: 3, 14 to 16, 29\n"
        for _ in range(2):
            self.assert_says(run(REPAIR, store), 1, f"{store}: nothing to repair\n", line)
        self.assert_says(run(REPAIR, "--quiet", store), 1, "", line)
        self.assert_says(run(REPAIR, "--quick", store), 0, f"{store}: nothing to repair\n", "")

    def test_what_is_missing_is_said(self):
        store = self.save("store", "--format", "npy", "--chunksize", "10")
        os.remove(f"{store}/.index.sqlite")
        self.write("store/000001/index.npz", "")
        result = run(REPAIR, store)
        self.assertEqual((result.returncode, result.stdout), (1, f"{store}: nothing to repair\n"))
        self.assertIn(f"imgstore-repair: {store}: chunk 000001: its frames are left out", result.stderr)

    def test_what_has_no_pixels_is_said(self):
        store = self.save("store", "--format", "mjpeg/avi", "--chunksize", "10")
        self.write("store/000001.avi", "")
        self.assertIn("000001.avi is empty: frames 10 to 19 have no pixels", run(INFO, store).stdout)
        self.assertIn("000001.avi is empty", run(REPAIR, store).stderr)
        store = self.save("pictures", "--format", "npy", "--chunksize", "10")
        os.remove(f"{store}/000002/000009.npy")
        self.assertIn("000002: the last of its 10 pictures is missing", run(INFO, store).stdout)
        self.assertEqual(run(REPAIR, store).returncode, 1)

    def test_a_damaged_index_is_not_blamed_on_frames(self):
        store = self.save("store", "--format", "npy", "--chunksize", "10")
        database = sqlite3.connect(f"{store}/.index.sqlite")
        database.execute("UPDATE frames SET frame_number = frame_number + 64 WHERE rowid = 8")
        database.commit()
        database.close()
        result = run(REPAIR, store)
        self.assertEqual(result.returncode, 1)
        self.assertIn(f'"imgstore-edit {store} save-index" makes it anew', result.stderr)
        self.assertNotIn("cannot be read", result.stderr)

    def test_after_a_crash_and_again(self):
        store = self.save("store", "--format", "mjpeg/avi", "--chunksize", "10")
        self.damage(f"{store}/000001.avi")
        self.write("store/.lock", "")
        first, second = run(REPAIR, store), run(REPAIR, store)
        self.assertTrue(first.stdout.startswith(f"{store}: repaired: 30 frames, "), first.stdout)
        self.assertEqual(second.stdout, f"{store}: nothing to repair\n")
        self.assertIn(f"1 frame {DAMAGED}: 1", first.stderr)
        self.assertEqual((first.returncode, first.stderr), (second.returncode, second.stderr))
        self.assertEqual(first.returncode, 1)

    def test_many_places_are_cut_short(self):
        store = self.save("store", "--format", "npy", source="test:frames=200,size=64x48")
        for frame in range(0, 200, 2):
            self.damage(f"{store}/000000/{frame:06d}.npy")
        result = run(REPAIR, store)
        self.assertTrue(result.stderr.startswith(f"imgstore-repair: {store}: 100 frames {DAMAGED}: 0, 2, 4, "))
        self.assertTrue(result.stderr.endswith(", ...\n"))

    def test_a_chunk_that_is_gone(self):
        store = self.save("store", "--chunksize", "10")
        os.remove(f"{store}/000001.mp4")
        self.assertIn(f"10 frames {DAMAGED}: 10 to 19\n", run(REPAIR, store).stderr)


toolkit.main()
