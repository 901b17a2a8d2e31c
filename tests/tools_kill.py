"""imgstore-save killed (kill -9) at random moments: what was seen in the store stays there, and the store says that it
is unfinished. (kill_test.c does it to libstore, with every acknowledged frame.)

tools_kill.py [ROUNDS [SEED]]: rounds for each format."""
import json
import random
import signal
import subprocess
import sys
import time
import unittest

from toolkit import FORMATS, INFO, SAVE, ToolTest, run

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 4
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)


class Kill(ToolTest):
    def frames_seen(self):
        """Frames in the store while it is being recorded; None before it is there."""
        result = run(INFO, "--json", self.path("store"))
        return json.loads(result.stdout)["frame_count"] if result.returncode == 0 else None

    def kill_one(self, form, choose):
        options = ["--format", form, "--chunksize", str(choose.choice([5, 20, 1000]))]
        process = subprocess.Popen([SAVE, "--source", "test:size=96x64", *options, self.path("store")],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not self.frames_seen():
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        time.sleep(choose.uniform(0, 0.2))
        seen = self.frames_seen()
        time.sleep(choose.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        return seen

    def test_kill(self):
        print(f"seed {SEED}, {ROUNDS} rounds", flush=True)
        for form in FORMATS:
            for i in range(ROUNDS):
                with self.subTest(format=form, round=i):
                    seen = self.kill_one(form, random.Random(f"{SEED} {form} {i}"))
                    info = self.info(self.path("store"), "--frames", "--extra")
                    self.assertTrue(info["unfinished"])
                    self.assertGreaterEqual(info["frame_count"], seen)
                    self.assertEqual(info["frame_number"], list(range(info["frame_count"])))
                    # Killed between a frame and its extra data, the last one may be without.
                    self.assertGreaterEqual(len(info["extra_data"]), info["frame_count"] - 1)
                    refused = run(SAVE, "--source", "test:frames=1", self.path("store"))
                    self.assert_fails(refused, 1, "exists")
                    self.doCleanups()
                    self.setUp()


unittest.main(argv=sys.argv[:1], verbosity=2)
