//! Images from files, packed by the real squashfs-tools: layouts, tars, and what is no image.

use sandbox::image::{ImageError, Images, Root, Watcher};

use crate::image_parts::{content, entry, layout, listing, run, tar};

struct House {
    state: tempfile::TempDir,
    images: Images,
}

impl House {
    fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        let images = Images::open(state.path()).unwrap();
        Self { state, images }
    }

    fn import(&self, path: &str) -> Result<Root, ImageError> {
        self.images.import(&self.state.path().join(path), "mine", &Watcher::nobody())
    }

    /// Whether nothing at all was kept.
    fn is_empty(&self) -> bool {
        let count = |below: &str| {
            std::fs::read_dir(self.state.path().join("images").join(below)).unwrap().count()
        };
        count("roots") == 0 && count("making") == 0 && count("names") == 0
    }
}

fn layers() -> [Vec<u8>; 2] {
    let base = [
        entry("./", b'5', b"", ""),
        entry("./etc/", b'5', b"", ""),
        entry("./etc/kept", b'0', b"base", ""),
        entry("./etc/gone", b'0', b"base", ""),
        entry("./bin", b'2', b"", "usr/bin"),
        entry("./usr/bin/tool", b'0', &[b'x'; 3000], ""),
    ];
    let top = [
        entry("etc/.wh.gone", b'0', b"", ""),
        entry("etc/new", b'0', b"top", ""),
        entry("etc/same", b'1', b"", "etc/kept"),
        entry("bin/other", b'0', b"other", ""),
    ];
    [tar(&base), tar(&top)]
}

#[test]
fn a_layout_its_tar_and_a_flat_tar_become_images() {
    let house = House::new();
    let folder = house.state.path().join("layout");
    layout(&folder, &layers());
    let root = house.import("layout").unwrap();
    let list = listing(&root.file);
    for held in
        ["/etc/kept", "/etc/same", "/etc/new", "/usr/bin/tool", "/usr/bin/other", "/bin -> usr/bin"]
    {
        assert!(list.contains(held), "{held}: {list}");
    }
    assert!(!list.contains("gone"), "{list}");
    assert_eq!(content(&root.file, "etc/same"), "base");
    assert_eq!(content(&root.file, "usr/bin/other"), "other");
    assert_eq!(
        root.env,
        [("PATH".to_owned(), "/usr/bin".to_owned()), ("A".to_owned(), "b=c".to_owned())]
    );
    assert_eq!(house.images.find("mine").unwrap(), root);
    assert_eq!(house.images.find(&root.digest.to_string()).unwrap().digest, root.digest);

    let packed = house.state.path().join("layout.tar");
    run("tar", "tar", &["-C", folder.to_str().unwrap(), "-cf", packed.to_str().unwrap(), "."]);
    assert_eq!(
        house.import("layout.tar").unwrap().digest,
        root.digest,
        "the same layers are the same image"
    );

    std::fs::write(house.state.path().join("flat.tar"), &layers()[0]).unwrap();
    let flat = house.import("flat.tar").unwrap();
    assert!(listing(&flat.file).contains("/etc/gone"));
    let found = house.images.list().unwrap().roots;
    assert_eq!(found.len(), 1, "what lost its name to another is removed: {found:?}");
    house.images.remove("mine").unwrap();
    assert!(house.is_empty());
    assert!(house.images.find("mine").is_err() && house.images.remove("mine").is_err());
}

#[test]
fn an_image_with_two_names_goes_with_its_last_one() {
    let house = House::new();
    let path = house.state.path().join("flat.tar");
    std::fs::write(&path, &layers()[0]).unwrap();
    for name in ["one", "two"] {
        house.images.import(&path, name, &Watcher::nobody()).unwrap();
    }
    house.images.remove("one").unwrap();
    let left = house.images.find("two").unwrap();
    assert!(left.file.is_file());
    house.images.remove(&left.digest.to_string()).unwrap();
    assert!(house.is_empty());
}

#[test]
fn what_is_hostile_or_no_image_leaves_nothing() {
    let house = House::new();
    let put =
        |name: &str, bytes: &[u8]| std::fs::write(house.state.path().join(name), bytes).unwrap();
    put("up.tar", &tar(&[entry("a/../../../evil", b'0', b"x", "")]));
    put("device.tar", &tar(&[entry("dev/sda", b'4', b"", "")]));
    put("cut.tar", &layers()[0][..2700]);
    put("text", b"this is no tar");
    std::fs::create_dir(house.state.path().join("folder")).unwrap();
    for (path, why) in [
        ("up.tar", "`a/../../../evil`: its path holds `..`"),
        ("device.tar", "`dev/sda`: it is a device node"),
        ("cut.tar", "ends within"),
        ("text", "not a tar"),
        ("folder", "without `oci-layout`"),
        ("nothing", "opening"),
    ] {
        let error = house.import(path).unwrap_err();
        assert!(error.to_string().contains(why), "{path}: {error}");
        assert!(!error.hint().is_empty());
        assert!(house.is_empty(), "{path}");
    }
    assert!(!house.state.path().join("evil").exists());
}

#[test]
fn a_layout_with_another_content_than_its_names_say_is_refused() {
    let house = House::new();
    let folder = house.state.path().join("layout");
    layout(&folder, &layers());
    let blob = folder.join("blobs/sha256").join(domain::Digest::of(&layers()[1]).hex());
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[600] ^= 1;
    std::fs::write(&blob, bytes).unwrap();
    let error = house.import("layout").unwrap_err();
    assert!(error.to_string().contains("is something else"), "{error}");
    std::fs::remove_file(&blob).unwrap();
    assert!(house.import("layout").unwrap_err().to_string().contains("it holds no sha256:"));
    assert!(house.is_empty());
}
