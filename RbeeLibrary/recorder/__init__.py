"""The recorder in front of a real program: a proxy that passes its bytes on unchanged and writes its journal."""
