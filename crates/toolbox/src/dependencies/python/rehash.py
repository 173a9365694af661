# Writes the hashes of all files of the versions that requirements were moved to, as the configured index gives them.
import html.parser, json, sys, urllib.parse
from pip._internal.commands import create_command
from pip._vendor.packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from pip._vendor.packaging.version import Version

JSON = "application/vnd.pypi.simple.v1+json"
install = create_command("install")
options, _ = install.parse_args([])


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.files = []

    def handle_starttag(self, tag, attributes):
        address = dict(attributes).get("href") if tag == "a" else None
        if address:
            place, _, fragment = address.partition("#")
            name = urllib.parse.unquote(urllib.parse.urlsplit(place).path.rsplit("/", 1)[-1])
            hashes = dict([fragment.split("=", 1)]) if "=" in fragment else {}
            self.files.append({"filename": name, "hashes": hashes})


def version_of(name, filename):
    try:
        if filename.endswith(".whl"):
            found, version = parse_wheel_filename(filename)[:2]
        else:
            found, version = parse_sdist_filename(filename)
    except Exception:
        return None  # Eggs, installers and names of long ago: pip does not install them.
    return version if found == name else None


def hashes_of(session, package, wanted):
    name, wanted = canonicalize_name(package), Version(wanted)
    page = options.index_url.rstrip("/") + "/" + name + "/"
    answer = session.get(page, headers={"Accept": JSON + ", text/html;q=0.1"})
    answer.raise_for_status()
    if "json" in answer.headers.get("Content-Type", ""):
        files = answer.json()["files"]
    else:
        links = Links()
        links.feed(answer.text)
        files = links.files
    files = [file for file in files if version_of(name, file["filename"]) == wanted]
    if not files:
        sys.exit(f"ERROR: the index lists no file of {package} {wanted}")
    bare = [file["filename"] for file in files if "sha256" not in file.get("hashes", {})]
    if bare:
        sys.exit(f"ERROR: the index gives no sha256 of {bare[0]}, so {package} {wanted} cannot be pinned by hashes")
    return sorted({file["hashes"]["sha256"] for file in files})


order = json.loads(sys.argv[1])
known = {}
with install._build_session(options) as session:
    for one in order:
        with open(one["file"], encoding="utf-8", newline="") as file:
            text = file.read()
        for mark in one["marks"]:
            key = (mark["package"], mark["version"])
            if key not in known:
                known[key] = hashes_of(session, *key)
            written = [mark["option"] + "sha256:" + digest for digest in known[key]]
            text = text.replace(mark["text"], mark["between"].join(written))
        with open(one["file"], "w", encoding="utf-8", newline="") as file:
            file.write(text)
