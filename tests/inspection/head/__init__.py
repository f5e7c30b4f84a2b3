"""Tests of the segmentation head."""
