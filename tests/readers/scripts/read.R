# Rscript read.R rhdf5|hdf5r JOBS: reads the files of JOBS (see tests/readers/reports.py).
arguments <- commandArgs(trailingOnly = TRUE)
library_name <- arguments[1]
suppressPackageStartupMessages(library(library_name, character.only = TRUE))

say <- function(...) { cat(..., "\n", sep = ""); flush(stdout()) }

tell <- function(item) {
  if (is.null(item)) return(invisible())
  if (is.factor(item)) item <- as.character(item)
  if (inherits(item, "integer64")) {
    for (one in bit64::as.character.integer64(item)) say("N ", one)
  } else if (is.list(item)) {
    for (one in item) tell(one)
  } else if (is.character(item)) {
    for (one in item) say("S ", paste(as.character(charToRaw(enc2utf8(one))), collapse = ""))
  } else if (is.complex(item)) {
    for (one in item) { tell(Re(one)); tell(Im(one)) }
  } else if (is.raw(item)) {
    for (one in as.integer(item)) say("N ", one)
  } else if (is.numeric(item) || is.logical(item)) {
    for (one in as.vector(item)) say("N ", format(one, digits = 17, scientific = FALSE, trim = TRUE))
  } else {
    stop(paste("a", class(item)[1]))
  }
}

if (library_name == "rhdf5") {
  open_file <- function(path) { h5ls(path); path }
  read_key <- function(file, key) h5read(file, key, bit64conversion = "double")
  read_attributes <- function(file, key) h5readAttributes(file, key, bit64conversion = "double")
  close_file <- function(file) h5closeAll()
} else {
  open_file <- function(path) { file <- H5File$new(path, "r"); file$ls(recursive = TRUE); file }
  read_key <- function(file, key) { item <- file[[key]]; on.exit(item$close()); item$read() }
  read_attributes <- function(file, key) {
    item <- file[[key]]; on.exit(item$close()); h5attributes(item)
  }
  close_file <- function(file) file$close_all()
}

trying <- function(block) {
  tryCatch(block, error = function(error) {
    said <- gsub("[[:space:]]+", " ", conditionMessage(error))
    say("ERR ", substr(said, 1, 300))
  })
}

for (line in readLines(arguments[2], encoding = "UTF-8")) {
  parts <- strsplit(line, "\t", fixed = TRUE)[[1]]
  say("FILE ", parts[1])
  trying({
    file <- open_file(parts[2])
    for (key in parts[-(1:2)]) {
      say("KEY ", key)
      trying({ tell(read_key(file, key)); say("OK") })
      say("KEY ", key, "@")
      trying({ read_attributes(file, key); say("OK") })
    }
    close_file(file)
  })
  say("END")
}
