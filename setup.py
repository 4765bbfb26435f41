"""Builds the worker package: Beam's --setup_file and the image need a setup.py."""

from setuptools import setup

setup()
