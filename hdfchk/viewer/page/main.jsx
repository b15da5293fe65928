// The app of H5Web over the endpoints of hdfchk.viewer, with a line of status below it.
import React, { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { App, createBasicFetcher, H5GroveProvider } from "@h5web/app";
import "@h5web/app/styles.css";
import "./page.css";

const EVERY = 2000; // milliseconds between two looks at the file
// Absolute: the exports of the app call `new URL(base + ...)`. The token is in the path.
const API = new URL("api", document.baseURI).href;
// A key after the `#` is what is shown first.
const FIRST = decodeURIComponent(location.hash.slice(1)) || "/";

let ongoing = 0; // requests of the app
let isBroken = false; // the file itself could not be read: the app then shows that error and nothing else
const fetchBasic = createBasicFetcher();

async function fetcher(url, parameters, ...rest) {
  ongoing += 1;
  try {
    return await fetchBasic(url, parameters, ...rest);
  } catch (error) {
    isBroken ||= parameters?.path === "/" && error.name !== "AbortError";
    throw error;
  } finally {
    ongoing -= 1;
  }
}

async function fetchInfo() {
  const response = await fetch(`${API}/info`);
  const answer = await response.json();
  if (!response.ok) {
    throw new Error(answer.message);
  }
  return answer;
}

function useInfo() {
  const [info, setInfo] = useState();
  const [problem, setProblem] = useState();
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    let timer;
    let ended = false;
    async function look() {
      // Not while the page still reads what the last change has brought, nor where nobody looks.
      if (ongoing === 0 && !document.hidden) {
        try {
          const found = await fetchInfo();
          // Not in a transition: React would make the provider, and its requests, again and again.
          setInfo((old) => (old?.version === found.version ? old : found));
          setProblem(undefined);
          if (isBroken) {
            isBroken = false;
            setAttempt((count) => count + 1);
          }
        } catch (error) {
          setProblem(
            error instanceof TypeError
              ? "No answer: hdfchk view has ended, or the connection is lost."
              : error.message,
          );
        }
      }
      if (!ended) {
        timer = setTimeout(look, EVERY);
      }
    }
    look();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, []);
  return { info, problem, attempt };
}

function Page() {
  const { info, problem, attempt } = useInfo();
  useEffect(() => {
    if (info) {
      document.title = `${info.name} - hdfchk view`;
    }
  }, [info]);

  return (
    <div className="page">
      <div className="app">
        {info && (
          <H5GroveProvider
            key={attempt}
            url={API}
            filepath={info.file}
            resetKeys={[info.version]}
            fetcher={fetcher}
          >
            <App sidebarOpen initialPath={FIRST} />
          </H5GroveProvider>
        )}
      </div>
      <div className="status" role="status" data-problem={problem ? "" : undefined}>
        {problem ?? (info && `${info.file}   changed ${info.changed}${info.journal}`)}
      </div>
    </div>
  );
}

createRoot(document.querySelector("#root")).render(<Page />);
