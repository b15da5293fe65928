"""Codecs convert values to trees and back, one module per family. A codec never sees a file."""
