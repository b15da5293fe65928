"""Codecs: values to trees and back, one file a family. A codec never sees a file."""
