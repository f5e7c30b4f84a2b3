"""Tests of teaching an inspector by marks."""
