//! Tars of our own and of GNU tar, whole and broken.

use std::io::Read as _;

use proptest::prelude::*;

use super::*;

fn file(path: &[u8], content: &[u8]) -> Entry {
    let meta = Meta { mode: 0o644, uid: 3, gid: 4, mtime: 5, attributes: Vec::new() };
    Entry { path: path.to_vec(), kind: Kind::File, meta, size: content.len() as u64 }
}

fn written(entries: &[(Entry, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (entry, content) in entries {
        writer.begin(entry).unwrap();
        writer.content(content).unwrap();
    }
    writer.end().unwrap()
}

fn read(bytes: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut found = Vec::new();
    while let Some(entry) = reader.next()? {
        let mut content = Vec::new();
        reader.contents().read_to_end(&mut content)?;
        found.push((entry, content));
    }
    Ok(found)
}

#[test]
fn what_is_written_reads_back() {
    let long = vec![b'x'; 300];
    let mut special = file(b"special", b"");
    special.meta = Meta {
        mode: 0o4755,
        uid: 3_000_000,
        gid: 4_000_000,
        mtime: 6,
        attributes: vec![(b"user.a".to_vec(), b"\0\n=".to_vec())],
    };
    let link = Entry { kind: Kind::Link(long.clone()), ..file(b"link", b"") };
    let all = vec![
        (Entry { kind: Kind::Folder, ..file(b"folder", b"") }, Vec::new()),
        (file(&long, b"content"), b"content".to_vec()),
        (special, Vec::new()),
        (link, Vec::new()),
        (Entry { kind: Kind::HardLink(b"special".to_vec()), ..file(b"hard", b"") }, Vec::new()),
        (Entry { kind: Kind::Pipe, ..file(b"pipe", b"") }, Vec::new()),
        (file(b"block", &[7; 512]), vec![7; 512]),
    ];
    assert_eq!(read(&written(&all)).unwrap(), all);
}

#[test]
fn a_record_whose_length_counts_itself_over_a_power_of_ten_reads_back() {
    for length in 80..1100 {
        let all = vec![(file(&vec![b'x'; length], b""), Vec::new())];
        assert_eq!(read(&written(&all)).unwrap(), all);
    }
}

#[test]
fn what_gnu_tar_writes_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let long = "a".repeat(150);
    std::fs::create_dir(folder.path().join("d")).unwrap();
    std::fs::write(folder.path().join("d").join(&long), "content").unwrap();
    std::os::unix::fs::symlink("b".repeat(200), folder.path().join("d/link")).unwrap();
    std::fs::hard_link(folder.path().join("d").join(&long), folder.path().join("d/z")).unwrap();
    for format in ["gnu", "pax", "ustar"] {
        let mut command =
            crate::image::tools::command(crate::image::Needed { program: "tar", package: "tar" });
        command
            .args(["--create", "--sort=name", "--file=-", "--format", format, "--directory"])
            .arg(folder.path());
        if format == "ustar" {
            command.arg("--exclude=link").arg("--exclude=a*").arg("--exclude=z");
        }
        let out = command.arg("d").output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let found = read(&out.stdout).unwrap();
        let path = |at: usize| String::from_utf8(found[at].0.path.clone()).unwrap();
        assert_eq!((path(0).as_str(), &found[0].0.kind), ("d/", &Kind::Folder));
        if format == "ustar" {
            continue;
        }
        assert_eq!((path(1), found[1].1.as_slice()), (format!("d/{long}"), b"content".as_slice()));
        assert_eq!(found[2].0.kind, Kind::Link(vec![b'b'; 200]));
        assert_eq!(found[3].0.kind, Kind::HardLink(format!("d/{long}").into_bytes()));
    }
}

/// A tar in which bytes of the first header were changed, with its checksum made right again.
fn altered(bytes: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + with.len()].copy_from_slice(with);
    bytes[148..156].copy_from_slice(b"        ");
    let sum: u64 = bytes[..BLOCK].iter().map(|byte| u64::from(*byte)).sum();
    bytes[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    bytes
}

#[test]
fn what_is_broken_is_an_error() {
    let good = written(&[(file(b"a", &[1; 600]), vec![1; 600])]);
    let error = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
    assert!(error(&good[..700]).contains("ends within a file"));
    assert!(error(&good[..100]).contains("ends within a header"));
    assert!(
        error(&good[..1200]).contains("ends within a header")
            || error(&good[..1200]).contains("ends within an entry")
    );
    assert!(error(&good[..1536]).contains("without the mark of its end"));
    let mut wrong = good.clone();
    wrong[0] = b'b';
    assert!(error(&wrong).contains("checksum"));
    assert!(error(&altered(&good, 124, b"9999")).contains("not a number"));
    assert!(
        error(&altered(
            &good,
            124,
            &[0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
        ))
        .contains("ends")
    );
    assert!(error(&altered(&good, 156, b"Z")).contains("no known kind"));
    assert!(
        error(&altered(&good, 108, &[0x80])).contains("32 bits")
            || error(&altered(&good, 108, &[0x80])).contains("number")
    );
}

#[test]
fn an_extended_header_that_is_large_or_nonsense_is_refused_before_it_is_read() {
    let head = altered(&written(&[(file(b"a", b""), Vec::new())]), 156, b"x");
    let huge = altered(&head, 124, b"77777777777\0");
    assert!(read(&huge).unwrap_err().to_string().contains("longer than 1 MiB"));
    for records in ["x", "9 path=", "999 path=a\n", "5 a=b\n\n", "0 a=b\n", "7 nope\n\n"] {
        let mut bytes = altered(&head, 124, format!("{:011o}\0", records.len()).as_bytes());
        bytes.splice(BLOCK..BLOCK, {
            let mut block = records.as_bytes().to_vec();
            block.resize(BLOCK, 0);
            block
        });
        assert!(read(&bytes).unwrap_err().to_string().contains("extended header"), "{records}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_bytes_are_the_reader_ends(
        start in proptest::collection::vec(any::<u8>(), 0..64),
        flips in proptest::collection::vec((0usize..4096, any::<u8>()), 0..8),
    ) {
        let mut bytes = written(&[
            (file(&[b'p'; 200], &start), start.clone()),
            (Entry { kind: Kind::Link(vec![b'l'; 200]), ..file(b"l", b"") }, Vec::new()),
        ]);
        let length = bytes.len();
        for (at, byte) in flips {
            bytes[at % length] = byte;
        }
        drop(read(&bytes));
        drop(read(&start));
    }
}
