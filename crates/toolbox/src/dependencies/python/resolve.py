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
unresolved = []
STEPS = ("Looking in ", "Collecting ", "Downloading ", "Using cached ", "Obtaining ", "Preparing ", "Defaulting to user ",
         "Installing build ", "Getting requirements ", "INFO: ", "Requirement already ", "Ignoring ")


class Refused(Exception):
    pass


def resolve(arguments, answer):
    # What a conflict is caused by, pip tells only where it is not quiet.
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed",
               "--progress-bar", "off", "--disable-pip-version-check", "--report", answer.name] + arguments
    done = subprocess.run(command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        told = done.stdout.decode("utf-8", "replace").splitlines()
        said = "\n".join(line for line in told if not line.lstrip().startswith(STEPS))
        raise Refused(done.returncode, said)
    with open(answer.name, encoding="utf-8") as file:
        report = json.load(file)
    # Descriptions and classifiers are most of a report, and of no use here.
    return {
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
    }


try:
    answer = tempfile.NamedTemporaryFile(prefix="hob-pip-", suffix=".json")
    for root in order["roots"]:
        try:
            reports.append(resolve(root["arguments"], answer))
            continue
        except Refused:
            if not root["apart"]:
                raise
        # Not all of it at once: the first part is what every other one needs as well.
        for at, part in enumerate(root["apart"]):
            try:
                if part["arguments"]:
                    reports.append(resolve(part["arguments"], answer))
            except Refused as refused:
                if at == 0:
                    raise
                unresolved.append({"part": part["part"], "said": refused.args[1]})
except Refused as refused:
    print(refused.args[1], file=sys.stderr)
    sys.exit(refused.args[0])
finally:
    if scratch:
        shutil.rmtree(scratch, ignore_errors=True)
json.dump({"hob": 1, "reports": reports, "unresolved": unresolved}, sys.stdout)
