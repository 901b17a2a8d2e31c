"""A recorder is killed (kill -9) at random moments: no frame that it had acknowledged may be missing.

kill_test.py [ROUNDS [SEED]]; the helper's and the tools' paths come from the environment."""
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from toolkit import FORMATS, INFO, SAVE, run

HELPER = os.environ["KILL_HELPER"]
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 12
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)


def acknowledged_until_killed(process, choose):
    """Kills after a random time, or at a random frame, which finds the ends of chunks more often."""
    deadline = time.monotonic() + choose.uniform(0, 0.6)
    stop_at = choose.randrange(1, 200) if choose.random() < 0.5 else None
    count = 0
    while time.monotonic() < deadline or stop_at:
        line = process.stdout.readline()
        if not line:
            return count, f"the recorder ended by itself: {process.stderr.read().strip()}"
        count += 1
        if stop_at and count >= stop_at:
            time.sleep(choose.uniform(0, 0.003))
            break
    process.send_signal(signal.SIGKILL)
    count += len(process.stdout.readlines())  # acknowledged before it died
    process.wait()
    return count, None


def kill_recorder(form, directory, choose):
    """One round. Returns frames acknowledged, frames found and what is wrong, or None."""
    store = os.path.join(directory, "store")
    chunksize = choose.choice([7, 20, 50, 1000])
    process = subprocess.Popen([HELPER, "record", form, str(chunksize), store], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, encoding="utf-8")
    count, problem = acknowledged_until_killed(process, choose)
    process.stdout.close()
    process.stderr.close()
    if problem or count == 0:
        return count, 0, problem
    result = run(HELPER, "check", count, store)
    if result.returncode != 0:
        return count, 0, f"chunksize {chunksize}, {count} acknowledged: {result.stdout.strip()} found: {result.stderr.strip()}"
    return count, int(result.stdout), None


def kill_tool(form, directory, choose):
    """The same with imgstore-save, which acknowledges nothing: the store must open, and say that it is unfinished."""
    store = os.path.join(directory, "store")
    process = subprocess.Popen([SAVE, "--source", "test:size=96x64", "--format", form, "--chunksize", "20", store],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while run(INFO, store).returncode != 0:  # until it is there
        time.sleep(0.01)
    time.sleep(choose.uniform(0.05, 0.4))
    process.send_signal(signal.SIGKILL)
    process.wait()
    result = run(INFO, store)
    if result.returncode != 0:
        return f"imgstore-info: {result.stderr.strip()}"
    if "unfinished" not in result.stdout:
        return "imgstore-info takes it for finished"
    return None


def main():
    print(f"seed {SEED}, {ROUNDS} rounds")
    problems = 0
    for form in FORMATS:
        acknowledged = found = 0
        for i in range(ROUNDS):
            choose = random.Random(f"{SEED} {form} {i}")
            directory = tempfile.mkdtemp(prefix="imgstore-kill-")
            if i % 6 == 5:
                problem = kill_tool(form, directory, choose)
            else:
                count, there, problem = kill_recorder(form, directory, choose)
                acknowledged += count
                found += there
            if problem:
                print(f"{form}: round {i}: {problem}; left in {directory}")
                problems += 1
            else:
                shutil.rmtree(directory)
        print(f"{form}: {acknowledged} frames acknowledged, {found} found", flush=True)
    sys.exit(1 if problems else 0)


main()
