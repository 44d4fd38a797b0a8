"""Reads exports with readers of Python: one JSON line for each of the jobs in the file that is named.

A job is [reader, path]. A line is {"clips": [...]}, {"missing": MODULE} or {"error": TEXT}.
"""

import json
import os
import sys
import tarfile
import traceback
import zipfile
import glob
import uuid


def times(timestamps, clip):
    return dict(zip(("start", "end"), timestamps[clip])) if timestamps else {}


def of_video(facts, array):
    """The clips of a video from its facts and its array."""
    names = ("path", "duration", "partial")
    same = {name: facts[name] for name in names if name in facts}
    rows = array if isinstance(array, list) else array.tolist()
    return [
        {**same, "clip": i, **times(facts.get("timestamps"), i), "feature": row}
        for i, row in enumerate(rows)
    ]


def pyarrow_reader(path):
    import pyarrow
    import pyarrow.parquet as parquet

    table = parquet.read_table(path)
    feature = table.schema.field("feature").type
    assert pyarrow.types.is_list(feature), feature
    assert pyarrow.types.is_floating(feature.value_type), feature
    assert b"videoclip" in table.schema.metadata
    parquet.ParquetFile(path).metadata.to_dict()
    return [{**row, "feature": [float(v) for v in row["feature"]]} for row in table.to_pylist()]


def duckdb_reader(path):
    import duckdb

    rows = duckdb.connect().execute("select * from read_parquet(?)", [path])
    names = [column[0] for column in rows.description]
    return [dict(zip(names, row)) for row in rows.fetchall()]


def polars_reader(path):
    import polars

    return polars.read_parquet(path).to_dicts()


def datasets_parquet(path):
    import datasets

    loaded = datasets.load_dataset("parquet", data_files=path, split="train", cache_dir=f"{path}.cache")
    return list(loaded)


def datasets_webdataset(path):
    import datasets

    files = sorted(glob.glob(f"{path}/*.tar"))
    loaded = datasets.load_dataset("webdataset", data_files=files, split="train", cache_dir=f"{path}.cache")
    return [clip for sample in loaded for clip in of_video(sample["json"], sample["npy"])]


def webdataset_reader(path):
    import webdataset

    files = sorted(glob.glob(f"{path}/*.tar"))
    samples = webdataset.WebDataset(files, shardshuffle=False).decode()
    return [clip for sample in samples for clip in of_video(sample["json"], sample["npy"])]


def tar_reader(path):
    import io
    import numpy

    clips = []
    for name in sorted(glob.glob(f"{path}/*.tar")):
        with tarfile.open(name) as archive:
            members = archive.getmembers()
            assert all(m.mtime == 315532800 and m.uid == 0 and m.uname == "" for m in members)
            for array, facts in zip(members[::2], members[1::2]):
                assert array.name[:-4] == facts.name[:-5]
                values = numpy.load(io.BytesIO(archive.extractfile(array).read()))
                clips += of_video(json.load(archive.extractfile(facts)), values)
    return clips


def npz_reader(path):
    import numpy

    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    loaded = numpy.load(path)
    json.loads(loaded["settings"].tobytes())
    lines = [json.loads(line) for line in loaded["index"].tobytes().splitlines()]
    assert sorted(loaded.files) == sorted([line["key"] for line in lines] + ["index", "settings"])
    return [clip for line in lines for clip in of_video(line, loaded[line["key"]])]


def clip_retrieval_reader(path):
    import numpy
    import pyarrow.parquet as parquet

    clips = []
    vectors = sorted(glob.glob(f"{path}/img_emb/*.npy"))
    metadata = sorted(glob.glob(f"{path}/metadata/*.parquet"))
    assert len(vectors) == len(metadata)
    for array, facts in zip(vectors, metadata):
        rows = parquet.read_table(facts).to_pylist()
        values = numpy.load(array, mmap_mode="r")
        assert len(rows) == len(values)
        clips += [{**row, "feature": value.tolist()} for row, value in zip(rows, values)]
    return clips


def with_ids(path, vectors):
    with open(f"{path}.ids.jsonl", encoding="utf-8") as lines:
        ids = [json.loads(line) for line in lines]
    assert [row.pop("row") for row in ids] == list(range(len(vectors)))
    return [{**row, "feature": vector.tolist()} for row, vector in zip(ids, vectors)]


def faiss_reader(path):
    import faiss

    index = faiss.read_index(path)
    assert type(index) is faiss.IndexFlatIP, type(index)
    vectors = index.reconstruct_n(0, index.ntotal)
    scores, rows = index.search(vectors[:1], index.ntotal)
    products = vectors @ vectors[0]
    assert abs(scores[0][0] - products.max()) < 1e-3 and rows[0][0] == products.argmax()
    return with_ids(path, vectors)


def fbin_reader(path, dtype="float32"):
    import numpy

    rows, dim = numpy.fromfile(path, dtype="uint32", count=2).tolist()
    return with_ids(path, numpy.fromfile(path, dtype=dtype, offset=8).reshape(rows, dim))


def f16bin_reader(path):
    return fbin_reader(path, "float16")


def jsonl_reader(path):
    clips = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            payload = row["payload"]
            name = f"{payload['path']}#{payload['clip']}"
            assert row["id"] == str(uuid.uuid5(uuid.NAMESPACE_URL, name)), row["id"]
            clips.append({**payload, "feature": row["vector"]})
    return clips


READERS = {name: value for name, value in globals().items() if name.endswith(("_reader", "_parquet", "_webdataset"))}

for reader, path in json.load(open(sys.argv[1], encoding="utf-8")):
    try:
        result = {"clips": READERS[reader](path)}
    except ModuleNotFoundError as missing:
        result = {"missing": missing.name}
    except Exception:
        result = {"error": traceback.format_exc()}
    print(json.dumps(result), flush=True)
# the threads of some readers outlive their module
os._exit(0)
