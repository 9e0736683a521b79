"""The tables of the store, as a numbered history of scripts (docs/decisions.md#schema-history)."""

HOME = ".imgcls"
"""The folder of the store where none is named, in which shards have theirs."""

FILE = "predictions.sqlite3"

ARTEFACTS = "compiled"
"""The folder next to the file, for what runtimes leave when they compile."""

FIRST = """
create table keys (             -- what a prediction depends on, the image aside
  id integer primary key,
  sha256 text not null unique,
  classes integer not null,     -- how many outputs the network has
  used_at integer not null      -- seconds since 1970
);
create table answers (
  key integer not null references keys(id) on delete cascade,
  image blob not null,          -- sha256 of the image's bytes
  body blob not null,           -- pack()
  primary key (key, image)
) without rowid;
create table undecodable (
  decoder text not null,
  image blob not null,
  reason text not null,
  detail text not null,
  primary key (decoder, image)
) without rowid;
create table outcomes (         -- what one run found on one dataset
  run text not null,
  dataset text not null,
  body blob not null,           -- DatasetOutcome as JSON
  primary key (run, dataset)
) without rowid;
create table plans (            -- what one run means to score
  run text not null,
  model text not null,
  dataset text not null,
  made_at integer not null,     -- seconds since 1970
  primary key (run, model, dataset)
) without rowid;
create table progress (         -- how far a run's pass over a dataset is
  run text not null,
  dataset text not null,
  done integer not null,
  total integer not null,
  primary key (run, dataset)
) without rowid;
create table listings (         -- the images of one run, in order
  run text not null,
  dataset text not null,
  position integer not null,
  path text not null,
  image blob not null,
  label text,
  primary key (run, dataset, position)
) without rowid;
create table names (            -- names behind class numbers, per label list
  list text not null,           -- list_key()
  position integer not null,
  name text not null,
  primary key (list, position)
) without rowid;
"""

SECOND = """
create table choices (          -- which runtime a model is scored with, and what that changes in predictions
  about text primary key,
  body blob not null            -- Choice as JSON
) without rowid;
create table hashed_files (     -- what a file was when it was hashed
  path blob not null primary key,
  size integer not null,
  mtime_ns integer not null,
  inode text not null,          -- some file systems use all 64 bits, SQLite has 63 and a sign
  sha256 blob not null
) without rowid;
"""

THIRD = """
drop table answers;
drop table keys;
drop table undecodable;
drop table outcomes;
drop table plans;
drop table progress;
drop table listings;
drop table names;
drop table choices;
drop table hashed_files;
create table keys (             -- what a prediction depends on, the image aside
  sha256 blob not null primary key,
  classes integer not null,     -- how many outputs the network has
  used_at integer not null,     -- seconds since 1970
  checksum integer not null     -- checksum.of(), as in every table
) without rowid;
create table answers (
  key blob not null,            -- the first bytes of keys.sha256, of which the checksum covers all
  image blob not null,          -- sha256 of the image's bytes
  body blob not null,           -- pack()
  checksum integer not null,
  primary key (key, image)
) without rowid;
create table undecodable (
  decoder text not null,
  image blob not null,
  reason text not null,
  detail text not null,
  checksum integer not null,
  primary key (decoder, image)
) without rowid;
create table remarks (          -- what was noticed while an image was decoded
  decoding text not null,
  image blob not null,          -- sha256 of the image's bytes
  body blob not null,           -- list of phrases as JSON
  checksum integer not null,
  primary key (decoding, image)
) without rowid;
create table remarked (         -- which images have rows in remarks, so that none is lost unnoticed
  decoding text not null primary key,
  images blob not null,         -- exclusive or of their sha256
  checksum integer not null
) without rowid;
create table outcomes (         -- what one run found on one dataset
  run text not null,
  dataset text not null,
  images integer not null,      -- how many rows of listings belong to it
  body blob not null,           -- DatasetOutcome as JSON
  checksum integer not null,
  primary key (run, dataset)
) without rowid;
create table plans (            -- what one run means to score
  run text not null primary key,
  made_at integer not null,     -- seconds since 1970
  body blob not null,           -- list of [model, dataset] as JSON
  checksum integer not null
) without rowid;
create table progress (         -- how far a run's pass over a dataset is
  run text not null,
  dataset text not null,
  done integer not null,
  total integer not null,
  checksum integer not null,
  primary key (run, dataset)
) without rowid;
create table listings (         -- the images of one run, in order
  run text not null,
  dataset text not null,
  position integer not null,
  path text not null,
  image blob not null,
  label text,
  checksum integer not null,
  primary key (run, dataset, position)
) without rowid;
create table names (            -- names behind class numbers, per label list
  list text not null primary key, -- list_key()
  body blob not null,           -- list of names as JSON
  checksum integer not null
) without rowid;
create table choices (          -- which runtime a model is scored with, and what that changes in predictions
  about text not null primary key,
  body blob not null,           -- RuntimeChoice as JSON
  checksum integer not null
) without rowid;
create table hashed_files (     -- what a file was when it was hashed
  path blob not null primary key,
  size integer not null,
  mtime_ns integer not null,
  inode text not null,          -- some file systems use all 64 bits, SQLite has 63 and a sign
  sha256 blob not null,
  checksum integer not null
) without rowid;
create table durations (        -- how long predictions took, by what the time depends on
  key blob not null,            -- keys.sha256
  dataset text not null,
  machine text not null,        -- sha256 of its record
  images integer not null,      -- how many were predicted
  seconds real not null,        -- of all passes together, without listing the files
  checksum integer not null,
  primary key (key, dataset, machine)
) without rowid;
"""

FOURTH = """
create table identities (       -- what keys are hashes of, to tell them apart in words
  key blob not null primary key, -- keys.sha256
  body blob not null,           -- names and values as JSON
  checksum integer not null
) without rowid;
"""

FIFTH = """
create table descriptions (     -- what is known of models without loading them
  about text not null primary key, -- a hash of everything that it depends on
  used_at integer not null,     -- seconds since 1970
  body blob not null,           -- ModelDescription as JSON
  checksum integer not null
) without rowid;
"""

HISTORY = (FIRST, SECOND, THIRD, FOURTH, FIFTH)
"""The scripts that lead from an empty file to today's schema; one that was released is never changed."""

VERSION = len(HISTORY)

CHECKSUMS_SINCE = 3
"""The version that removed the rows of the earlier ones, which had no checksums."""
