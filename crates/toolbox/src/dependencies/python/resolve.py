# Prints what pip would install for each requirements file, without installing it and without changing the folder.
import json, os, shutil, subprocess, sys, tempfile

order = json.loads(sys.argv[1])
here = os.getcwd()
scratch = None
if order["local"] or order["omitted"]:
    # Building what lies in the folder may write there, and lines that are no requirements are taken out.
    scratch = tempfile.mkdtemp(prefix="hob-pip-")
    here = os.path.join(scratch, "checkout")
    shutil.copytree(os.getcwd(), here, symlinks=True)
    for one in order["omitted"]:
        path = os.path.normpath(os.path.join(here, one["file"]))
        if not path.startswith(here + os.sep):
            continue
        with open(path, encoding="utf-8", newline="") as file:
            lines = file.read().split("\n")
        for first, last in one["lines"]:
            lines[first - 1:last] = [""] * (last - first + 1)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write("\n".join(lines))
reports = []
code = 0
try:
    answer = tempfile.NamedTemporaryFile(prefix="hob-pip-", suffix=".json")
    for root in order["roots"]:
        # What a conflict is caused by, pip tells only where it is not quiet.
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed",
                   "--progress-bar", "off", "--disable-pip-version-check", "--report", answer.name] + root
        done = subprocess.run(command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            code = done.returncode
            told = done.stdout.decode("utf-8", "replace").splitlines()
            steps = ("Looking in ", "Collecting ", "Downloading ", "Using cached ", "Obtaining ", "Preparing ",
                     "Installing build ", "Getting requirements ", "INFO: ", "Requirement already ")
            print("\n".join(line for line in told if not line.lstrip().startswith(steps)), file=sys.stderr)
            break
        with open(answer.name, encoding="utf-8") as file:
            report = json.load(file)
        # Descriptions and classifiers are most of a report, and of no use here.
        reports.append({
            "environment": report.get("environment"),
            "install": [
                {
                    "name": item["metadata"]["name"],
                    "version": item["metadata"]["version"],
                    "requires": item["metadata"].get("requires_dist", []),
                    "extras": item.get("requested_extras", []),
                    "elsewhere": item["download_info"]["url"] if item.get("is_direct") else None,
                }
                for item in report["install"]
            ],
        })
finally:
    if scratch:
        shutil.rmtree(scratch, ignore_errors=True)
if code == 0:
    json.dump({"hob": 1, "reports": reports}, sys.stdout)
sys.exit(code)
