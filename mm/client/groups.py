"""Methods of both clients that are grouped by what they work on: `client.inspectors.fit`."""

from __future__ import annotations

from typing import TypeVar

from mm.client.flows import albums as album_flows
from mm.client.flows import evaluations as evaluation_flows
from mm.client.flows import exports as export_flows
from mm.client.flows import inspections as inspection_flows
from mm.client.flows import inspectors as inspector_flows
from mm.client.flows import lesions as lesion_flows
from mm.client.flows import scales as scale_flows
from mm.client.flows import searches as search_flows
from mm.client.steps import AsyncDriver, Driver, Flow
from mm.client.verbs import Verb

T = TypeVar("T")


class ClientGroup(Driver):
    """Methods that run on the connections of a blocking client."""

    def __init__(self, client: Driver) -> None:
        self._client = client

    def run(self, flow: Flow[T]) -> T:
        return self._client.run(flow)


class AsyncClientGroup(AsyncDriver):
    """Methods that run on the connections of an asyncio client."""

    def __init__(self, client: AsyncDriver) -> None:
        self._client = client

    async def run(self, flow: Flow[T]) -> T:
        return await self._client.run(flow)


class InspectorVerbs:
    """Inspectors, as `client.inspectors`."""

    create = Verb(inspector_flows.create)
    list = Verb(inspector_flows.list_all)
    get = Verb(inspector_flows.get)
    delete = Verb(inspector_flows.delete)
    add_examples = Verb(inspector_flows.add_examples)
    examples = Verb(inspector_flows.examples)
    remove_example = Verb(inspector_flows.remove_example)
    fit = Verb(inspector_flows.fit)
    teach = Verb(inspector_flows.teach)
    versions = Verb(inspector_flows.versions)
    marks = Verb(inspector_flows.marks)
    undo_mark = Verb(inspector_flows.undo_mark)
    make_current = Verb(inspector_flows.make_current)


class Inspectors(InspectorVerbs, ClientGroup):
    """Inspectors of a blocking client."""


class AsyncInspectors(InspectorVerbs, AsyncClientGroup):
    """Inspectors of an asyncio client."""


class InspectionVerbs:
    """Inspections, as `client.inspections`."""

    start = Verb(inspection_flows.start)
    list = Verb(inspection_flows.list_all)
    get = Verb(inspection_flows.get)
    cancel = Verb(inspection_flows.cancel)
    delete = Verb(inspection_flows.delete)
    results = Verb(inspection_flows.results)
    result = Verb(inspection_flows.result)
    heat_map = Verb(inspection_flows.heat_map)
    overlay = Verb(inspection_flows.overlay)
    failures = Verb(inspection_flows.failures)
    export = Verb(inspection_flows.export)
    mark = Verb(inspection_flows.mark)
    marks = Verb(inspection_flows.marks)
    undo_mark = Verb(inspection_flows.undo_mark)


class Inspections(InspectionVerbs, ClientGroup):
    """Inspections of a blocking client."""


class AsyncInspections(InspectionVerbs, AsyncClientGroup):
    """Inspections of an asyncio client."""


class LesionVerbs:
    """Analyses of ultrasound, as `client.lesions`. Research use, not a diagnosis."""

    analyse = Verb(lesion_flows.analyse)
    analyse_dicom = Verb(lesion_flows.analyse_dicom)
    get = Verb(lesion_flows.get)
    list = Verb(lesion_flows.list_all)
    regions = Verb(lesion_flows.regions)
    export = Verb(lesion_flows.export)
    delete = Verb(lesion_flows.delete)
    wait = Verb(lesion_flows.wait)


class Lesions(LesionVerbs, ClientGroup):
    """Analyses of a blocking client."""


class AsyncLesions(LesionVerbs, AsyncClientGroup):
    """Analyses of an asyncio client."""


class EvaluationVerbs:
    """Evaluations of data sets, as `client.evaluations`."""

    create = Verb(evaluation_flows.create)
    check = Verb(evaluation_flows.check)
    get = Verb(evaluation_flows.get)
    list = Verb(evaluation_flows.list_all)
    sets = Verb(evaluation_flows.sets)
    folders = Verb(evaluation_flows.folders)
    wait = Verb(evaluation_flows.wait)
    runs = Verb(evaluation_flows.runs)
    get_run = Verb(evaluation_flows.get_run)
    items = Verb(evaluation_flows.items)
    examples = Verb(evaluation_flows.examples)
    image = Verb(evaluation_flows.image)
    file = Verb(evaluation_flows.file)
    report = Verb(evaluation_flows.report)
    compare = Verb(evaluation_flows.compare)
    delete_run = Verb(evaluation_flows.delete_run)


class Evaluations(EvaluationVerbs, ClientGroup):
    """Evaluations of a blocking client."""


class AsyncEvaluations(EvaluationVerbs, AsyncClientGroup):
    """Evaluations of an asyncio client."""


class ScaleVerbs:
    """Scales, as `client.scales`."""

    add = Verb(scale_flows.add)
    add_dicom = Verb(scale_flows.add_dicom)
    list = Verb(scale_flows.list_all)
    get = Verb(scale_flows.get)
    delete = Verb(scale_flows.delete)


class Scales(ScaleVerbs, ClientGroup):
    """Scales of a blocking client."""


class AsyncScales(ScaleVerbs, AsyncClientGroup):
    """Scales of an asyncio client."""


class AlbumVerbs:
    """Albums, as `client.albums`."""

    create = Verb(album_flows.create)
    list = Verb(album_flows.list_all)
    get = Verb(album_flows.get)
    edit = Verb(album_flows.edit)
    delete = Verb(album_flows.delete)
    entries = Verb(album_flows.entries)
    add = Verb(album_flows.add)
    remove = Verb(album_flows.remove)
    move = Verb(album_flows.move)
    export = Verb(album_flows.export)


class Albums(AlbumVerbs, ClientGroup):
    """Albums of a blocking client."""


class AsyncAlbums(AlbumVerbs, AsyncClientGroup):
    """Albums of an asyncio client."""


class SearchVerbs:
    """Saved searches, as `client.searches`."""

    save = Verb(search_flows.save)
    list = Verb(search_flows.list_all)
    get = Verb(search_flows.get)
    edit = Verb(search_flows.edit)
    delete = Verb(search_flows.delete)
    matches = Verb(search_flows.matches)
    mark_read = Verb(search_flows.mark_read)


class Searches(SearchVerbs, ClientGroup):
    """Saved searches of a blocking client."""


class AsyncSearches(SearchVerbs, AsyncClientGroup):
    """Saved searches of an asyncio client."""


class ExportVerbs:
    """Exports of clips, as `client.exports`."""

    create = Verb(export_flows.create)
    list = Verb(export_flows.list_all)
    get = Verb(export_flows.get)
    wait = Verb(export_flows.wait)
    content = Verb(export_flows.content)
    delete = Verb(export_flows.delete)


class Exports(ExportVerbs, ClientGroup):
    """Exports of a blocking client."""


class AsyncExports(ExportVerbs, AsyncClientGroup):
    """Exports of an asyncio client."""
