"""imgstore-save from a live source: drops are counted and placed, and it begins and ends when it is told to."""
import os
import re
import signal
import subprocess
import time

import numpy as np

import toolkit
from toolkit import INFO, SAVE, ToolTest, run


def start(*arguments):
    return subprocess.Popen([SAVE, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


class Live(ToolTest):
    def accounted_for(self, store):
        """Numbers of the frames, and of those that are said to be dropped: together all, and none twice."""
        info = self.info(store, "--frames", "--drops")
        dropped = [drop["first_number"] + i for drop in info["drops"] for i in range(drop["count"])]
        numbers = sorted(info["frame_number"] + dropped)
        self.assertEqual(numbers, list(range(numbers[0], numbers[-1] + 1)))
        self.assertEqual(sum(info["dropped"].values()), len(dropped))
        return info

    def test_slow_encoder_drops_and_says_so(self):
        result = run(SAVE, "--source", "test:live=1,rate=400,size=320x240,frames=300", "--format", "avc1/mp4",
                     "--encoder-options", "preset=placebo:threads=1", "--queue", "1", self.path("store"))
        self.assertEqual(result.returncode, 0, result.stderr)
        info = self.accounted_for(self.path("store"))
        dropped = sum(info["dropped"].values())
        self.assertGreater(dropped, 0)
        kept = int(re.match(r"(\d+) frames kept, (\d+) dropped", result.stdout).group(1))
        self.assertEqual(kept, info["frame_count"])
        self.assertIn(f"{dropped} dropped", result.stdout)
        self.assertIn("dropped: ", result.stderr)
        self.assertIn(f"{dropped} in all", result.stderr.splitlines()[-1])
        # Python finds them beside the chunk, and so do we when the index is lost.
        with np.load(self.path("store/000000.npz"), allow_pickle=False) as arrays:
            self.assertEqual(arrays["_drop_count"].sum(), dropped)
            self.assertEqual(len(arrays["frame_number"]), kept)
        os.remove(self.path("store/.index.sqlite"))
        self.assertEqual(self.accounted_for(self.path("store"))["drops"], info["drops"])

    def test_times_are_those_of_the_clock(self):
        before = time.time()
        info = self.info(self.save("store", source="test:live=1,rate=50,size=64x48,frames=20"), "--frames")
        self.assertLess(before - 0.1, info["frame_time"][0])
        self.assertLess(info["frame_time"][-1], time.time() + 0.1)

    def test_begins_on_the_signal(self):
        process = start("--source", "test:live=1,rate=50,size=64x48", "--start-on-signal", self.path("store"))
        self.assertIn("waiting for the signal", process.stderr.readline())
        time.sleep(0.3)
        process.send_signal(signal.SIGUSR1)
        time.sleep(0.6)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0)
        info = self.accounted_for(self.path("store"))
        self.assertGreater(info["frame_min"], 5)
        for drop in info["drops"]:  # what came before is no drop; a busy machine may drop some behind
            self.assertGreater(drop["first_number"], info["frame_min"])

    def test_begins_later_and_ends_at_its_time(self):
        begin = time.time()
        until = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(begin + 4))
        result = run(SAVE, "--source", "test:live=1,rate=50,size=64x48", "--timezone", "Etc/UTC", "--start-delay", "2",
                     "--until", until, self.path("store"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertLess(time.time() - begin, 8)
        info = self.info(self.path("store"))
        self.assertGreater(info["frame_time_min"], begin + 0.9)
        self.assertLess(info["frame_time_max"], begin + 4.5)

    def test_stopped_while_it_waits(self):
        for arguments in (["--start-delay", "1h"], ["--start-on-signal"]):
            for source in ("test:frames=3", "test:live=1,frames=3000"):
                process = start("--source", source, *arguments, self.path("store"))
                process.stderr.readline()
                process.terminate()
                _, stderr = process.communicate(timeout=30)
                self.assertEqual(process.returncode, 1)
                self.assertIn("stopped before the first frame", stderr)
                self.assertEqual(os.listdir(self.dir), [])

    def test_chunks_by_duration(self):
        info = self.info(self.save("store", "--chunk-duration", "0.5", "--format", "npy",
                                   source="test:frames=30,rate=10,size=64x48"))
        self.assertEqual((info["chunks"], info["chunksize"]), (list(range(6)), 200))

    def test_ring(self):
        result = run(SAVE, "--source", "test:frames=300,rate=10,size=64x48", "--keep", "5s", self.path("store"))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        info = self.info(self.path("store"), "--frames", "--extra")
        removed = info["removed"]["frames"]
        # Chunks of half a second: 5 frames.
        self.assertEqual((removed % 5, info["removed"]["chunks"]), (0, 0))
        self.assertEqual(info["chunks"], list(range(len(info["chunks"]))))
        self.assertTrue(50 <= info["frame_count"] <= 61, info["frame_count"])
        self.assertEqual(info["frame_number"], list(range(removed, 300)))
        self.assertEqual([row["frame_index"] for row in info["extra_data"]], list(range(info["frame_count"])))
        self.assertEqual([row["frame_number"] for row in info["extra_data"]], info["frame_number"])
        self.assertEqual((info["problems"], sum(info["dropped"].values())), ([], 0))
        self.assertIn(f"{300 - removed} frames kept, 0 dropped", result.stdout)
        self.assertIn(f"removed: {removed} older frames", result.stdout)
        self.assertIn(f"removed   {removed} older frames", run(INFO, self.path("store")).stdout)

    def test_chunks_of_a_ring_are_shorter_than_it(self):
        self.assert_fails(run(SAVE, "--source", "test:frames=3", "--keep", "2h", "--chunk-duration", "3h",
                              self.path("store")), 2, "--keep", "--chunk-duration")
        self.assertEqual(os.listdir(self.dir), [])

    def test_ends_before_the_disk_is_full(self):
        result = run(SAVE, "--source", "test:size=64x48,frames=5000", "--format", "npy", "--free-stop", "1000000000",
                     self.path("store"))
        self.assert_fails(result, 1, "before it is full", " kept in ")
        self.assertFalse(self.info(self.path("store"))["unfinished"])

    def test_bad_times(self):
        for option, value in (("--until", "yesterday"), ("--until", "2001-01-01"), ("--start", "25:00"),
                              ("--start-delay", "-1"), ("--chunk-duration", "2w"), ("--duration", "0"),
                              ("--keep", "0"),
                              ("--queue", "0"), ("--when-full", "wait")):
            self.assert_fails(run(SAVE, "--source", "test:frames=3", option, value, self.path("store")), 2, option)


toolkit.main()
